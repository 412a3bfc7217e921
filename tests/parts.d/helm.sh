# shellcheck shell=bash
# helm, which renders the chart.

helm_version=$(awk '$1 == "helm.sh/helm/v4" { print $2 }' "$here/helm/go.mod")
helm=$cache/helm/$helm_version/helm

build_helm() { [[ -x $helm ]] || locked helm provide_helm; }

# Again looks for it: another build may have finished while this one waited for the lock.
provide_helm() { [[ -x $helm ]] || compile_helm; }

compile_helm() {
    local began=$SECONDS
    need go "Go 1.26 or newer, https://go.dev/dl"
    say "building helm $helm_version (once; about 2 minutes on 2 cores)"
    mkdir -p "${helm%/*}"
    CGO_ENABLED=0 go build -C "$here/helm" -trimpath -o "$helm.new" \
        -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$helm_version" helm.sh/helm/v4/cmd/helm ||
        fail "helm does not build"
    mv "$helm.new" "$helm"
    say "built helm in $((SECONDS - began)) s"
}
