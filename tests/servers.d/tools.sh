# shellcheck shell=bash
# Programs that tests need beside servers, built from Go modules: helm 4 and 3, which render the chart, kubeconform, which
# checks manifests, the Lua that Argo CD runs health checks with, and kstatus, by which Flux and Helm wait. And promtool,
# which tests alerts.

# pinned MODULE TOOL: its version.
pinned() { awk -v module="$1" '$1 == module { print $2 }' "$here/$2/go.mod"; }

helm_version=$(pinned helm.sh/helm/v4 helm)
helm=$cache/helm/$helm_version/helm
helm3_version=$(pinned helm.sh/helm/v3 helm3)
helm3=$cache/helm/$helm3_version/helm
kubeconform=$cache/kubeconform/$(pinned github.com/yannh/kubeconform kubeconform)/kubeconform
kstatus=$cache/kstatus/$(pinned sigs.k8s.io/cli-utils kstatus)/kstatus
promtool=$(command -v promtool || echo "$cache/promtool/promtool")
lua=$cache/lua/$(pinned github.com/yuin/gopher-lua lua)/lua

build_helm() {
    build_tool helm "$helm" helm.sh/helm/v4/cmd/helm "about 2 minutes on 2 cores" \
        -X "helm.sh/helm/v4/internal/version.version=$helm_version"
}

build_helm3() {
    build_tool helm3 "$helm3" helm.sh/helm/v3/cmd/helm "about 2 minutes on 2 cores" \
        -X "helm.sh/helm/v3/internal/version.version=$helm3_version"
}

build_kubeconform() {
    build_tool kubeconform "$kubeconform" github.com/yannh/kubeconform/cmd/kubeconform "half a minute"
}

build_lua() { build_tool lua "$lua" github.com/yuin/gopher-lua/cmd/glua "some seconds"; }

# The one that is installed, or else Debian's, which is there at once: to build it takes ten minutes.
build_promtool() { [[ -x $promtool ]] || locked promtool fetch_promtool; }

fetch_promtool() {
    [[ ! -x $promtool ]] || return 0
    command -v apt-get >/dev/null || need promtool "Prometheus, which it is a part of"
    say "fetching promtool"
    local directory=${promtool%/*}
    provide_directory "$directory"
    (
        cd "$directory"
        apt-get download --quiet prometheus >/dev/null 2>&1 ||
            { apt-get update --quiet && apt-get download --quiet prometheus; } >/dev/null
        dpkg-deb --extract prometheus_*.deb unpacked
        mv unpacked/usr/bin/promtool unpacked/usr/bin/prometheus .
        rm -rf unpacked prometheus_*.deb
    ) || fail "promtool cannot be fetched: install Prometheus"
}

build_kstatus() { build_tool kstatus "$kstatus" . "some seconds"; }

# build_tool NAME BINARY PACKAGE DURATION [LINKER OPTION]...: from the module tests/NAME.
build_tool() { [[ -x $2 ]] || locked "$1" provide_tool "$@"; }

# Again looks for it: another build may have finished while this one waited for the lock.
provide_tool() { [[ -x $2 ]] || compile_tool "$@"; }

compile_tool() {
    local began=$SECONDS name=$1 binary=$2 package=$3 duration=$4
    need go "Go 1.26 or newer, https://go.dev/dl"
    say "building $name (once; $duration)"
    mkdir -p "${binary%/*}"
    CGO_ENABLED=0 go build -C "$here/$name" -trimpath -o "$binary.new" -ldflags "-s -w ${*:5}" "$package" ||
        fail "$name does not build"
    mv "$binary.new" "$binary"
    say "built $name in $((SECONDS - began)) s"
}
