#!/usr/bin/env bash
# Builds the Dockerfile and tries the image, on a Debian machine without any container engine or image registry:
#
#   sudo deploy/build-image-with-buildah.sh        (needs: apt-get install buildah debootstrap; npm ci)
#
# The base image is a stand-in, since no registry of images is asked: a minimal Debian by debootstrap from the mirror that
# apt is configured with, plus the Node.js and npm of this machine. So this proves the Dockerfile, not the official image.
# Everything lies in one temporary directory, which is removed at the end.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"

step() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail 'Run it as root: debootstrap and chroot isolation need it.'
for command in buildah debootstrap node npm; do
  command -v "$command" >/dev/null || fail "There is no $command: apt-get install buildah debootstrap, and install Node.js."
done

work="$(mktemp -d)"
# vfs needs no kernel module and leaves no mount behind; chroot needs no runtime, user namespace or cgroup.
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)
export BUILDAH_ISOLATION=chroot
image() { "${buildah[@]}" "$@"; }
trap 'image umount --all >/dev/null; rm -rf "$work"' EXIT
# For the unprivileged user of the image: the container's root lies below.
chmod 711 "$work"

step 'a stand-in for the base image'
codename="$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
# shellcheck disable=SC2016  # apt fills in the name
mirror="$(apt-get indextargets --format '$(REPO_URI)' "Codename: $codename" 'Created-By: Packages' | sort -u | head -n 1)"
[ -n "$mirror" ] || fail "apt knows no mirror of Debian $codename: see /etc/apt/sources.list.d"
debootstrap --variant=minbase --include=ca-certificates,libstdc++6 "$codename" "$work/base" "$mirror" >"$work/debootstrap.log" ||
  { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
install -D "$(readlink -f "$(command -v node)")" "$work/base/usr/local/bin/node"
mkdir -p "$work/base/usr/local/lib/node_modules"
cp -a "$(npm root -g)/npm" "$work/base/usr/local/lib/node_modules/"
for tool in npm npx; do ln -s "../lib/node_modules/npm/bin/$tool-cli.js" "$work/base/usr/local/bin/$tool"; done
chroot "$work/base" useradd --uid 1000 --create-home node
# Where this machine trusts further authorities, or asks another registry of packages, the build must do so too.
cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
base="$(image from scratch)"
image add --quiet "$base" "$work/base" / >/dev/null
image config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
  --env "npm_config_registry=$(npm config get registry)" "$base"
image commit --quiet --rm "$base" localhost/node-stand-in >/dev/null
rm -rf "$work/base"

step 'the image'
# The format is Docker's: OCI's knows no HEALTHCHECK.
image build --format docker --network host --build-arg NODE_IMAGE=localhost/node-stand-in --tag webhook-gateway "$root"

step 'a daemon in it'
container="$(image from --pull-never webhook-gateway)"
image run "$container" -- du -sh /app /app/node_modules
image inspect --type image webhook-gateway >"$work/image.json"
# buildah runs what it is told, with the user and the environment of the image.
setting() { node -p "JSON.parse(fs.readFileSync('$work/image.json')).Docker.config.$1"; }
[ "$(setting User)" = 1000:1000 ] || fail 'the image runs as another user than 1000'
setting 'Cmd.join("\n")' >"$work/command"
setting 'Healthcheck.Test.slice(1).join("\n")' >"$work/healthcheck"
mapfile -t command <"$work/command"
mapfile -t healthcheck <"$work/healthcheck"
# shellcheck disable=SC2016  # for the shell inside
image run "$container" -- sh -c 'test -w "$DATA_DIR" && ! test -w /app && ! test -w /app/dist/main.js' ||
  fail 'DATA_DIR must be writable and the application must not'

cd "$root"
npx --no-install tsx deploy/try-image.ts \
  "${buildah[@]}" run -- "$container" -- "${command[@]}" -- "${healthcheck[@]}"
