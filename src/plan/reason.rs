//! Every reason that a condition may carry.

use super::vocabulary;

vocabulary! {
    /// Why a condition is what it is.
    pub enum Reason {
        /// Everything is as declared.
        Succeeded => "Nothing.",
        /// A temporary failure; Bindery tries again with back-off.
        ProgressingWithRetry => "Wait: Bindery tries again by itself. The condition `Ready` has the cause.",
        /// `spec.suspend` is set, here or on the connection: nothing is done.
        Suspended => "Set `suspend: false` on the object, or on its connection.",
        /// The object is being deleted.
        Deleting => "Wait. If the deletion takes long, the message says what it waits for.",
        /// Nothing has been found out about this yet.
        NotChecked => "Wait for the first check. On `DecorationReady`: see [decoration](decoration.md).",
        /// The connection does not exist, or does not admit this namespace.
        ConnectionNotFound => "Correct `connectionRef`, or have the connection admit this namespace in `access`.",
        /// The connection is not ready; its own conditions say why.
        ConnectionNotReady => "Look up the conditions of the connection.",
        /// `connectionRef` names a connection of another server or configuration than the one that accepted the project.
        ConnectionMismatch => "Set `connectionRef` back. To move to another server or configuration, see [change the connection](binding.md#change-the-connection).",
        /// A server of the connection cannot be reached at the moment.
        ConnectionUnavailable => "Look up the conditions of the connection.",
        /// The connection admits the namespace, but no entry of its `access` admits this repository with this project
        /// key.
        AccessDenied => "Have one entry of `access` admit this repository with this project key.",
        /// The Secret does not exist.
        SecretNotFound => "Create the Secret, or correct `name` and `key` of the reference.",
        /// The Secret has no such key.
        SecretKeyMissing => "Create the Secret, or correct `name` and `key` of the reference.",
        /// The key of the Secret is empty.
        SecretEmpty => "Create the Secret, or correct `name` and `key` of the reference.",
        /// What the Secret holds cannot be a token.
        SecretMalformed => "Store the token alone: one line, no quotes, no `Bearer`.",
        /// The operator may not read the Secret; the message holds the commands that grant it.
        SecretForbidden => "Run the commands in the message. See [grant a Secret](tokens-and-rights.md#grant-a-secret-to-the-operator).",
        /// The host is not among those that a token may be sent to.
        HostNotAllowed => "Correct the URL, or allow the host in `--allowed-hosts` and in the Secret's annotation.",
        /// The URL is plain http: the token would travel in clear.
        InsecureURL => "Use an `https://` URL.",
        /// The server does not accept the token.
        AuthenticationFailed => "The token is wrong, expired or revoked. Create a new one, and update the Secret.",
        /// The token works, but its user lacks a permission that the message names.
        PermissionMissing => "Give the token's user the permission that the message names.",
        /// The edition of SonarQube cannot do this; the message names those that can.
        UnsupportedEdition => "The server cannot do this. See [supported servers](servers.md); the message names the version or edition that can.",
        /// The version of a server cannot do this; the message names the first that can.
        UnsupportedVersion => "The server cannot do this. See [supported servers](servers.md); the message names the version or edition that can.",
        /// SonarQube allows one Bitbucket configuration, and another one is there.
        ConfigurationLimit => "This edition supports one Bitbucket configuration. Declare the existing one by `configurationName`, or delete it.",
        /// `configurationPolicy` is `Reference`, and SonarQube has no configuration of this name.
        ConfigurationNotFound => "Only with `configurationPolicy: Reference`: have an administrator of SonarQube create the configuration, or correct `configurationName`.",
        /// `configurationPolicy` is `Reference`, and SonarQube's configuration is not the declared one.
        ConfigurationMismatch => "Only with `configurationPolicy: Reference`: correct `bitbucket.url` or `configurationName`, or have an administrator of SonarQube correct the configuration.",
        /// SonarQube was given the configuration, and says that it does not work.
        ValidationFailed => "SonarQube's own check of the configuration failed; the message quotes it. Often SonarQube cannot reach Bitbucket, or does not trust its certificate.",
        /// TLS with the server failed.
        TLSFailed => "The message names the problem. For a private authority, set [`caBundleRef`](tokens-and-rights.md#certificates).",
        /// The name of the server cannot be resolved.
        DNSFailed => "Check the URL, and whether the pod can reach the server. Bindery tries again by itself.",
        /// The server did not answer in time.
        Timeout => "Check the URL, and whether the pod can reach the server. Bindery tries again by itself.",
        /// The server asks to be called less often.
        RateLimited => "Wait. If it happens often, increase `interval`.",
        /// The server is starting up, migrating its database, or shutting down.
        ServerNotUp => "Wait until SonarQube is up. If it migrates its database, finish the migration.",
        /// What answered does not answer like the server it should be.
        UnexpectedResponse => "The response did not look like SonarQube (or Bitbucket). Check the URL and its context path, and any proxy in front of the server.",
        /// The server redirects elsewhere; a token is not sent after a redirect.
        RedirectRefused => "Declare the URL that the server redirects to.",
        /// A field holds what admission could not check.
        InvalidSpec => "Correct the field that the message names.",
        /// The repository does not exist, or the token cannot see it.
        RepositoryNotFound => "Correct `project` and `slug`, or give the Bitbucket token Read on the repository.",
        /// The repository was renamed or moved.
        RepositoryMoved => "Write the new place into the spec, or set `onRepositoryMoved: Follow`.",
        /// Another repository has the name of the one that was bound.
        RepositoryRecreated => "If the new repository is the right one, delete the binding with `deletionPolicy: Orphan`, and create it again.",
        /// The repository is bound to another SonarQube project already.
        RepositoryAlreadyBound => "Remove the key from the spec to adopt that project, or set `monorepo: true` in all bindings of the repository.",
        /// The SonarQube project does not exist, and this binding may not create it.
        ProjectNotFound => "Create the project, correct the key, or use `mode: ImportOrBind`.",
        /// A SonarQube project with this key exists and was not asked for by its key.
        ProjectExists => "To bind the existing project, write its key into the spec. Otherwise choose another key.",
        /// The SonarQube project is bound to another repository.
        ProjectAlreadyBound => "Choose another key, or remove the binding of that project in SonarQube.",
        /// The repository is bound to several SonarQube projects; one must be named.
        AmbiguousProject => "Write the key of one of the projects into the spec.",
        /// SonarQube holds bindings that the token cannot see, so nothing new is created.
        HiddenBindings => "Give the operator's SonarQube user Browse on the projects of this configuration.",
        /// Another object manages the same thing and was first.
        AlreadyManaged => "Another object manages this project, configuration or base URL. Delete one of the two.",
        /// A configuration of this name is in SonarQube and may not be adopted.
        AdoptionRefused => "A configuration of this name exists. Choose another `configurationName`, or set `adoptionPolicy`.",
        /// Something is not as declared, and is not corrected.
        DriftDetected => "Correct the difference in SonarQube or in the spec, or set `managementPolicy: Full`.",
        /// Something else keeps undoing what Bindery writes; the message says what.
        FightDetected => "Find the other client that changes the setting, for example a script, and stop it.",
        /// Bindings still need the connection.
        InUse => "Delete or change the bindings that the message names.",
        /// Deletion waits for something that the message names.
        DeletionBlocked => "Do what the message says. To delete at once and leave SonarQube as it is, annotate the object with `bindery.dev/force-orphan=true`.",
        /// SonarQube's Server base URL is not set: links in pull requests lead to localhost.
        ServerBaseURLUnset => "Set `sonarqube.serverBaseURL` of the connection.",
        /// SonarQube's Server base URL leads to localhost, and so do links in pull requests.
        ServerBaseURLLocal => "Set `sonarqube.serverBaseURL` of the connection.",
        /// The repository is archived: nothing can be written to it.
        RepositoryArchived => "Restore the repository in Bitbucket, if it is still needed.",
        /// A pull request was analysed, and not decorated; the message names it.
        NotDecorated => "See [pull requests are not decorated](decoration.md).",
        /// More repositories are selected than `limits` of the set allow for one interval.
        LimitReached => "Wait for the next intervals, or raise `limits` of the ProjectBindingSet.",
        /// The API server refuses bindings of a set; the message quotes it.
        BindingRefused => "The message quotes the API server: correct the admission policy, the quota, or `template` of the ProjectBindingSet.",
        /// A defect of Bindery: please report it with the log.
        InternalError => "Report it with the log: it is a defect of Bindery. Restarting the operator may help.",
    }
}
