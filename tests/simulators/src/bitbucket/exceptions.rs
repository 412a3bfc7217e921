//! The names of Bitbucket's exceptions, which stand in the bodies of its errors.

macro_rules! exceptions {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(super) const $name: &str = concat!("com.atlassian.", $text);)*
    };
}

exceptions! {
    ARGUMENT_VALIDATION = "bitbucket.validation.ArgumentValidationException",
    ARCHIVED = "bitbucket.repository.RepositoryArchivedException",
    AUTHENTICATION_REQUIRED = "plugins.rest.api.security.exception.AuthenticationRequiredException",
    AUTHORISATION = "bitbucket.AuthorisationException",
    AUTHORIZATION = "plugins.rest.api.security.exception.AuthorizationException",
    CAPTCHA_REQUIRED = "bitbucket.auth.CaptchaRequiredAuthenticationException",
    DUPLICATE = "bitbucket.DuplicateEntityException",
    INCORRECT_PASSWORD = "bitbucket.auth.IncorrectPasswordAuthenticationException",
    INTEGRITY = "bitbucket.IntegrityException",
    NO_ACCESS = "bitbucket.auth.NoAccessAuthenticationException",
    NO_SUCH_BRANCH = "bitbucket.repository.NoSuchBranchException",
    NO_SUCH_PROJECT = "bitbucket.project.NoSuchProjectException",
    NO_SUCH_PULL_REQUEST = "bitbucket.pull.NoSuchPullRequestException",
    NO_SUCH_REPOSITORY = "bitbucket.repository.NoSuchRepositoryException",
    NO_SUCH_USER = "bitbucket.user.NoSuchUserException",
}
