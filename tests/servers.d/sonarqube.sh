# shellcheck shell=bash
# SonarQube servers. One read-only installation per version serves all its instances, each of which keeps
# its data, logs and temporary files under $servers/NAME.

sonarqube_home() { echo "$cache/sonarqube/$1"; }

# Elasticsearch refuses to run as root.
sonarqube_user=bindery-sonarqube
as_sonarqube=()
if [[ $EUID == 0 ]]; then
    as_sonarqube=(setpriv --reuid "$sonarqube_user" --regid "$sonarqube_user" --clear-groups)
fi

build_sonarqube() {
    [[ -z ${as_sonarqube[*]} ]] || locked user add_sonarqube_user
    locked "sonarqube-$1" provide_sonarqube "$1"
}

add_sonarqube_user() {
    need setpriv util-linux
    need useradd passwd
    id "$sonarqube_user" >/dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$sonarqube_user"
}

provide_sonarqube() {
    find_java "$1" >/dev/null
    [[ -d $(sonarqube_home "$1") ]] || fetch_sonarqube "$1"
    [[ -d $(sonarqube_template "$1") ]] || make_sonarqube_template "$1"
}

fetch_sonarqube() {
    local artifact=org.sonarsource.sonarqube:sonar-application:$1:zip home began=$SECONDS
    home=$(sonarqube_home "$1")
    need mvn "Maven, https://maven.apache.org"
    need unzip unzip
    say "fetching SonarQube $1 from Maven Central (once; up to 1 GB, some minutes)"
    rm -rf "$home.new" "$home.zip"
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="$artifact" -DoutputDirectory="$home.zip" || fail "Maven did not fetch $artifact"
    # Unpacked it serves for good; as a package it would take its gigabyte twice.
    rm -rf "$HOME/.m2/repository/org/sonarsource/sonarqube/sonar-application/$1"
    unzip -q "$home.zip/*.zip" -d "$home.new"
    # The one place in its installation that a server writes to: plugins to install, of which there are none.
    mkdir -p "$home.new/sonarqube-$1/extensions/downloads"
    ((EUID)) || chown "$sonarqube_user" "$home.new/sonarqube-$1/extensions/downloads"
    chmod -R go+rX "$home.new"
    mv "$home.new/sonarqube-$1" "$home"
    rm -rf "$home.new" "$home.zip"
    say "fetched SonarQube $1 in $((SECONDS - began)) s"
}

# Prints "OLDEST NEWEST": the Java that a version runs on.
sonarqube_java() {
    case $1 in
        8.9.* | 9.9.* | 10.* | 25.1.*) echo 17 17 ;;
        25.*) echo 17 21 ;;
        *) echo 21 99 ;;
    esac
}

# sonarqube_opens VERSION PROCESS: what Java 17 must be told to let 8.9 do, which was made for Java 11.
sonarqube_opens() {
    [[ $1 == 8.9.* ]] || return 0
    local options="" package
    for package in java.lang java.io java.util sun.nio.ch; do options+=" --add-opens=java.base/$package=ALL-UNNAMED"; done
    [[ $2 != search ]] || options+=" -XX:+IgnoreUnrecognizedVMOptions -Djava.security.manager=allow"
    echo "${options# }"
}

# Prints a java that a version runs on. A full JDK: the search engine of recent versions needs jdk.attach.
find_java() {
    local oldest newest candidate release wanted
    read -r oldest newest < <(sonarqube_java "$1")
    for candidate in "${JAVA_HOME:-/none}"/bin/java /usr/lib/jvm/*/bin/java "$(command -v java)"; do
        release=$("${as_sonarqube[@]}" "$candidate" --list-modules 2>/dev/null |
            sed -n 's/^jdk\.attach@\([0-9]*\).*/\1/p') || continue
        [[ $release ]] && ((release >= oldest && release <= newest)) && echo "$candidate" && return
    done
    case $newest in
        "$oldest") wanted=$oldest ;;
        99) wanted="$oldest or newer" ;;
        *) wanted="$oldest to $newest" ;;
    esac
    fail "SonarQube $1 needs a JDK of version $wanted (not a JRE): install one, or set JAVA_HOME"
}

# start_sonarqube NAME VERSION: from the template, so that neither database nor users have to be made.
start_sonarqube() {
    prepare_sonarqube "$1"
    cp -a "$(sonarqube_template "$2")/data/." "$servers/$1/data"
    launch_sonarqube "$1" "$2"
    say "SonarQube $2 is starting, which takes about a minute"
}

prepare_sonarqube() {
    local state=$servers/$1
    mkdir -p "$state"/{data,logs,temp}
    ((EUID)) || chown "$sonarqube_user:" "$state"/{data,logs,temp}
    "${as_sonarqube[@]}" test -w "$state/data" ||
        fail "the user $sonarqube_user cannot reach $servers: choose a directory that all may pass through, such as one in /tmp"
}

# launch_sonarqube NAME VERSION: without the script that comes with it, which writes into its installation.
# For its own metrics SonarQube (9.9 and later) validates its configurations 10 s after it is up, and then every 5
# minutes: three calls to Bitbucket that no test asked for. Here it does so after a day.
launch_sonarqube() {
    local state=$servers/$1 home java web search database
    # Quick to start rather than quick to run, and small.
    local quick=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)
    local opened search_opened
    opened=$(sonarqube_opens "$2" "")
    search_opened=$(sonarqube_opens "$2" search)
    home=$(sonarqube_home "$2")
    java=$(find_java "$2")
    free_port && web=$port
    free_port && search=$port
    free_port && database=$port
    echo "http://127.0.0.1:$web" >"$state/url"
    # The launcher of its search engine would leave files in /tmp.
    start "$1" env --ignore-environment --chdir="$home" PATH="$PATH" HOME="$state/temp" LANG=C.UTF-8 \
        JDK_JAVA_OPTIONS="-Djava.io.tmpdir=$state/temp" ES_TMPDIR="$state/temp" \
        "${as_sonarqube[@]}" "$java" "${quick[@]}" -jar "$home/lib/sonar-application-$2.jar" \
        -Dsonar.path.data="$state/data" -Dsonar.path.logs="$state/logs" -Dsonar.path.temp="$state/temp" \
        -Dsonar.web.host=127.0.0.1 -Dsonar.web.port="$web" -Dsonar.search.port="$search" \
        -Dsonar.embeddedDatabase.port="$database" \
        -Dsonar.web.javaOpts="-Xmx512m ${quick[*]}" -Dsonar.ce.javaOpts="-Xmx384m ${quick[*]}" \
        -Dsonar.web.javaAdditionalOpts="$opened" -Dsonar.ce.javaAdditionalOpts="$opened" \
        -Dsonar.search.javaOpts="-Xms384m -Xmx384m ${quick[0]}" \
        -Dsonar.search.javaAdditionalOpts="-Dnode.store.allow_mmap=false $search_opened" \
        -Dsonar.server.monitoring.devops.initial.delay=86400000 \
        -Dsonar.telemetry.enable=false -Dsonar.updatecenter.activate=false
}

await_sonarqube() {
    local began=$SECONDS
    await "$1" 600 sonarqube_is_up "$(<"$servers/$1/url")"
    say "$1 is ready, $((SECONDS - began)) s later"
}

sonarqube_is_up() { curl --silent --fail "$1/api/system/status" | grep -q '"status":"UP"'; }

# sonarqube_line INDEX NAME VALUE
sonarqube_line() { export_line "$(numbered_variable "BINDERY_SONARQUBE_$2" "$1")" "$3"; }

# sonarqube_environment INDEX VERSION: the lines of DIR/env about a server.
sonarqube_environment() {
    local name template
    name=$(numbered sonarqube "$1")
    template=$(sonarqube_template "$2")
    sonarqube_line "$1" VERSION "$2"
    sonarqube_line "$1" URL "$(<"$servers/$name/url")"
    sonarqube_line "$1" TOKEN "$(<"$template/bindery.token")"
    sonarqube_line "$1" ADMIN_TOKEN "$(<"$template/admin.token")"
    sonarqube_line "$1" ACCESS_LOG "$servers/$name/logs/access.log"
}
