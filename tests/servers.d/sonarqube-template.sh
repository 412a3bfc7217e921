# shellcheck shell=bash
# A template is what a version's first start makes (database, search indexes) with the users that tests need and
# their tokens. Later starts copy it. Its name changes with this file, so that it is made anew with it.

sonarqube_template() { echo "$cache/sonarqube/$1.template-$(cksum <"$here/servers.d/sonarqube-template.sh" | cut -d' ' -f1)"; }

make_sonarqube_template() {
    local template began=$SECONDS
    template=$(sonarqube_template "$1")
    say "starting SonarQube $1 for the first time, to set up its users (once; about 2 minutes)"
    rm -rf "$template.new"
    first_start "$1" "$template.new"
    rm -rf "$template.new/first-start/data/web" # plugins, unpacked anew by each start
    mv "$template.new/first-start/data" "$template.new/data"
    rm -rf "$template.new/first-start"
    mv "$template.new" "$template"
    say "set up SonarQube $1 in $((SECONDS - began)) s"
}

# first_start VERSION DIR, in a subshell: whatever ends it, the server does not outlive it.
first_start() (
    local servers=$2
    exit_on_signals
    trap stop_all EXIT
    mkdir -p "$servers"
    prepare_sonarqube first-start
    launch_sonarqube first-start "$1"
    await_sonarqube first-start
    set_up_users "$(<"$servers/first-start/url")" >/dev/null
    # Not killed: the database must be whole.
    stop first-start 60
)

# Leaves `admin` with another password than the one everybody knows, and `bindery` with exactly what the operator asks
# for: what SonarQube gives to every user by default is taken away, or a missing permission would go unnoticed.
set_up_users() {
    local password group
    password="Aa1!$(openssl rand -hex 16)"
    admin=admin:admin
    administrate "$1" users/change_password login=admin previousPassword=admin password="$password"
    admin=admin:$password
    administrate "$1" users/create login=bindery name=Bindery password="$password"
    administrate "$1" permissions/add_user login=bindery permission=admin
    administrate "$1" permissions/add_user login=bindery permission=provisioning
    # `anyone` held them up to 8.9, and holds nothing since.
    for group in sonar-users anyone; do
        administrate "$1" permissions/remove_group groupName=$group permission=scan
        administrate "$1" permissions/remove_group groupName=$group permission=provisioning
    done
    keep_token "$1" admin
    keep_token "$1" bindery
}

# administrate URL ACTION PARAMETER=VALUE...: as `admin`, whose password is kept out of the list of processes.
administrate() {
    local parameter parameters=()
    for parameter in "${@:3}"; do parameters+=(--data-urlencode "$parameter"); done
    curl --silent --show-error --fail --config <(printf 'user = "%s"\n' "$admin") "${parameters[@]}" "$1/api/$2" ||
        fail "SonarQube refused $2"
}

# keep_token URL LOGIN: makes a user token and writes it to LOGIN.token.
keep_token() {
    local answer token
    answer=$(administrate "$1" user_tokens/generate login="$2" name=servers)
    token=${answer#*'"token":"'}
    (umask 077 && echo "${token%%'"'*}" >"$servers/$2.token")
}
