#!/bin/sh
# make-image.sh NAME:TAG PROGRAM [ARGUMENT...]: makes a Docker image out of a server of this machine.
#
# The image holds that program, a shell, and the libraries that both need, and nothing else. So it needs no
# registry: for machines that reach none, and to test with the very server that runs without Docker. It runs the
# program with the arguments, which may hold no quotes.
set -eu

image=$1
program=$2
name=$(basename "$program")
shift 2

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# A copy of a program and of every library that the loader says it needs, each where it is looked for.
add() {
    install -D -m 755 "$1" "$root$2"
    # The libraries stand behind an arrow, the loader itself alone.
    ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
        [ -e "$root$library" ] || install -D -m 755 "$library" "$root$library"
    done
}

add "$program" "/usr/bin/$name"
add /bin/sh /bin/sh
add "$(command -v mkdir)" /bin/mkdir

# A mongod wants the folder for its data to be there.
mkdir -p "$root/tmp" "$root/data/db" "$root/etc/ssl"
chmod 1777 "$root/tmp"
echo 'root:x:0:0:root:/:/bin/sh' > "$root/etc/passwd"
if [ -e /etc/ssl/openssl.cnf ]; then cp /etc/ssl/openssl.cnf "$root/etc/ssl/"; fi

command=$(printf ', "%s"' "$name" "$@")
tar -C "$root" -c . | docker import \
    --change 'ENV PATH=/usr/bin:/bin' \
    --change "CMD [${command#, }]" \
    - "$image" > /dev/null
echo "$image"
