# shellcheck shell=bash
# Programs that tests need beside servers, built from Go modules: helm, which renders the chart, the Lua that Argo CD
# runs health checks with, and kstatus, by which Flux and Helm wait.

# pinned MODULE TOOL: its version.
pinned() { awk -v module="$1" '$1 == module { print $2 }' "$here/$2/go.mod"; }

helm_version=$(pinned helm.sh/helm/v4 helm)
helm=$cache/helm/$helm_version/helm
kstatus=$cache/kstatus/$(pinned sigs.k8s.io/cli-utils kstatus)/kstatus
lua=$cache/lua/$(pinned github.com/yuin/gopher-lua lua)/lua

build_helm() {
    build_tool helm "$helm" helm.sh/helm/v4/cmd/helm "about 2 minutes on 2 cores" \
        -X "helm.sh/helm/v4/internal/version.version=$helm_version"
}

build_lua() { build_tool lua "$lua" github.com/yuin/gopher-lua/cmd/glua "some seconds"; }

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
