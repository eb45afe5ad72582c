# keep.sh watch FOLDER SECONDS: ends the servers of FOLDER when nobody has used them for SECONDS.
# keep.sh sweep FOLDER: ends them now.
#
# Whoever uses the servers holds a shared lock on FOLDER/users; the system frees it even when a process
# crashes. The lock beside FOLDER is held by whoever starts or ends servers there.
command=$1 folder=$2 seconds=$3

sweep() {
    # By the folder of their data and not by a number that another process may have got since.
    for file in $(grep -slz -- "^--dbpath=$folder/" /proc/[0-9]*/cmdline); do
        pid=${file#/proc/}
        kill -9 "${pid%/cmdline}" 2>/dev/null
    done
    # A server that is just ending may still write: try until the folder is gone.
    while ! rm -rf "$folder" 2>/dev/null; do sleep 0.1; done
}

sweep_if_unused() {
    exec 8>>"$folder/../lock"
    flock -x 8
    if [ -e "$folder/users" ]; then
        exec 7<"$folder/users"
        flock -n -x 7 && sweep
        exec 7<&-
    fi
    exec 8>&-
}

watch() {
    while [ -e "$folder/users" ]; do
        # Whoever comes sets the time of the file, too: a short use may fall between two looks.
        if ! flock -n -x "$folder/users" true; then
            touch -c "$folder/users"
        elif [ $(($(date +%s) - $(stat -c %Y "$folder/users"))) -gt "$seconds" ]; then
            sweep_if_unused
        fi
        sleep 1
    done
}

"$command"
