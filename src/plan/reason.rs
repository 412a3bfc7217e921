//! Every reason that a condition may carry.

use super::vocabulary;

vocabulary! {
    /// Why a condition is what it is.
    pub enum Reason {
        /// Everything is as declared.
        Succeeded,
        /// A temporary failure; Bindery tries again with back-off.
        ProgressingWithRetry,
        /// `spec.suspend` is set, here or on the connection: nothing is done.
        Suspended,
        /// The object is being deleted.
        Deleting,
        /// Nothing has been found out about this yet.
        NotChecked,
        /// The connection does not exist, or does not admit this namespace.
        ConnectionNotFound,
        /// The connection is not ready; its own conditions say why.
        ConnectionNotReady,
        /// `connectionRef` names a connection of another server or configuration than the one that accepted the project.
        ConnectionMismatch,
        /// A server of the connection cannot be reached at the moment.
        ConnectionUnavailable,
        /// The connection admits the namespace, but no entry of its `access` admits this repository with this project
        /// key.
        AccessDenied,
        /// The Secret does not exist.
        SecretNotFound,
        /// The Secret has no such key.
        SecretKeyMissing,
        /// The key of the Secret is empty.
        SecretEmpty,
        /// What the Secret holds cannot be a token.
        SecretMalformed,
        /// The operator may not read the Secret; the message holds the commands that grant it.
        SecretForbidden,
        /// The host is not among those that a token may be sent to.
        HostNotAllowed,
        /// The URL is plain http: the token would travel in clear.
        InsecureURL,
        /// The server does not accept the token.
        AuthenticationFailed,
        /// The token works, but its user lacks a permission that the message names.
        PermissionMissing,
        /// The edition of SonarQube cannot do this; the message names those that can.
        UnsupportedEdition,
        /// The version of a server cannot do this; the message names the first that can.
        UnsupportedVersion,
        /// SonarQube allows one Bitbucket configuration, and another one is there.
        ConfigurationLimit,
        /// `configurationPolicy` is `Reference`, and SonarQube has no configuration of this name.
        ConfigurationNotFound,
        /// `configurationPolicy` is `Reference`, and SonarQube's configuration is not the declared one.
        ConfigurationMismatch,
        /// SonarQube was given the configuration, and says that it does not work.
        ValidationFailed,
        /// TLS with the server failed.
        TLSFailed,
        /// The name of the server cannot be resolved.
        DNSFailed,
        /// The server did not answer in time.
        Timeout,
        /// The server asks to be called less often.
        RateLimited,
        /// The server is starting up, migrating its database, or shutting down.
        ServerNotUp,
        /// What answered does not answer like the server it should be.
        UnexpectedResponse,
        /// The server redirects elsewhere; a token is not sent after a redirect.
        RedirectRefused,
        /// A field holds what admission could not check.
        InvalidSpec,
        /// The repository does not exist, or the token cannot see it.
        RepositoryNotFound,
        /// The repository was renamed or moved.
        RepositoryMoved,
        /// Another repository has the name of the one that was bound.
        RepositoryRecreated,
        /// The repository is bound to another SonarQube project already.
        RepositoryAlreadyBound,
        /// The SonarQube project does not exist, and this binding may not create it.
        ProjectNotFound,
        /// A SonarQube project with this key exists and was not asked for by its key.
        ProjectExists,
        /// The SonarQube project is bound to another repository.
        ProjectAlreadyBound,
        /// The repository is bound to several SonarQube projects; one must be named.
        AmbiguousProject,
        /// SonarQube holds bindings that the token cannot see, so nothing new is created.
        HiddenBindings,
        /// Another object manages the same thing and was first.
        AlreadyManaged,
        /// A configuration of this name is in SonarQube and may not be adopted.
        AdoptionRefused,
        /// Something is not as declared, and is not corrected.
        DriftDetected,
        /// Something else keeps undoing what Bindery writes; the message says what.
        FightDetected,
        /// Bindings still need the connection.
        InUse,
        /// Deletion waits for something that the message names.
        DeletionBlocked,
        /// SonarQube's Server base URL is not set: links in pull requests lead to localhost.
        ServerBaseURLUnset,
        /// SonarQube's Server base URL leads to localhost, and so do links in pull requests.
        ServerBaseURLLocal,
        /// The repository is archived: nothing can be written to it.
        RepositoryArchived,
        /// A pull request was analysed, and not decorated; the message names it.
        NotDecorated,
        /// A defect of Bindery: please report it with the log.
        InternalError,
    }
}
