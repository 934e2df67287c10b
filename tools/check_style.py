#!/usr/bin/env python3
"""House style that a compiler does not see. Prints file:line: sentence for
every offence; exit code 1 when there is one."""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = 80
FUNCTION_LINES = 60
KERNEL_LINES = 90  # under src/backend
FILE_LINES = 600
CODE = (".c", ".h", ".py", ".sh", ".cmake")
TEXT = CODE + (".md", ".txt", ".json", ".csv", ".yml", ".yaml")

# what a C file may not call, and why; under the folder in the first column
BANNED = [
    ("", r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(",
     "writes without a bound"),
    ("", r"\b(atoi|atol|atof)\s*\(", "cannot tell a mistake from a zero"),
    ("", r"\bstrtok\s*\(", "keeps hidden state"),
    ("", r"\b(rand|srand|random|drand48)\s*\(", "use fvi_rng"),
    ("", r"\balloca\s*\(", "use fvi_alloc"),
    ("", r"\b(system|popen)\s*\(", "runs a shell"),
    ("src/",
     r"(?<![\w.>])(malloc|calloc|realloc|aligned_alloc|free|strdup)\s*\(",
     "use fvi_alloc and fvi_free"),
    ("src/", r"\b(printf|puts|putchar|perror)\s*\(|\b(stdout|stderr)\b",
     "the library never prints"),
    ("src/", r"\b(exit|_exit|abort|assert)\s*\(", "the library never exits"),
]

# (file, words of the line, why it may). An entry nothing needs is an error.
ALLOWED = [
    ("src/base/status.c", "aligned_alloc(", "where memory comes from"),
    ("src/base/status.c", "free(block)", "where memory goes to"),
]

# places on somebody's machine
MACHINE = re.compile(r"/(?:work|root|farm|home/[a-z]\w*)/")


def tracked():
    """Files of the project: what git knows, or everything outside build."""
    try:
        out = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        names = out.stdout.decode().split("\0")
        names = [n for n in names if n]
        if names:
            return sorted(names)
    except (OSError, subprocess.CalledProcessError):
        pass
    names = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders
                      if f != ".git" and not f.startswith("build")]
        names += [os.path.relpath(os.path.join(folder, f), ROOT)
                  for f in files]
    return sorted(names)


def is_code(path):
    return path.endswith(CODE) or path.endswith("CMakeLists.txt")


def blank_out(text):
    """C without comments and literals; line numbers stay."""
    def spaces(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, spaces, text, flags=re.S)


def check_text(path, data, say):
    """Rules for every text file."""
    if data and not data.endswith(b"\n"):
        say(data.count(b"\n") + 1, "no newline at the end of the file")
    if b"\r" in data:
        say(1, "carriage returns")
    text = data.decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            say(number, "blanks at the end of the line")
        if MACHINE.search(line):
            say(number, "a path of somebody's machine")
        if not is_code(path):
            continue
        if "\t" in line:
            say(number, "a tab")
        if not line.isascii():
            say(number, "not ASCII")
        elif len(line) > COLUMNS:
            say(number, f"{len(line)} columns, at most {COLUMNS}")


def check_functions(path, lines, say):
    """Bodies open and close with a brace in the first column."""
    most = KERNEL_LINES if path.startswith("src/backend/") else FUNCTION_LINES
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            length = number - start + 1
            if length > most:
                say(start, f"a function of {length} lines, at most {most}")
            start = None


def check_calls(path, raw, plain, used, say):
    for number, line in enumerate(plain, 1):
        for folder, pattern, why in BANNED:
            m = path.startswith(folder) and re.search(pattern, line)
            if not m:
                continue
            for i, (file, words, _) in enumerate(ALLOWED):
                if file == path and words in raw[number - 1]:
                    used.add(i)
                    break
            else:
                say(number, f"'{m.group(0).strip()}': {why}")


def check_c(path, text, used, say):
    raw, plain = text.split("\n"), blank_out(text).split("\n")
    if len(raw) - 1 > FILE_LINES:
        say(1, f"{len(raw) - 1} lines, at most {FILE_LINES}")
    if path.endswith(".c") and not text.startswith("/*"):
        say(1, "the first comment says what this file is")
    check_functions(path, plain, say)
    if not path.startswith(("tests/", "fuzz/", "bench/")):
        check_calls(path, raw, plain, used, say)


def check_documented(text, say):
    """Every public function has a comment: beside or above it, above its
    group, or one elsewhere in the header that names it."""
    comments = " ".join(re.findall(r"/\*.*?\*/", text, flags=re.S))
    number, above = 1, ""
    for block in re.split(r"\n[ \t]*\n", text):
        only_comment = not blank_out(block).strip()
        if "FV_API" in block and "/*" not in block and not above:
            for name in re.findall(r"\b(fv_\w+)\s*\(", blank_out(block)):
                if name not in comments:
                    say(number, f"{name} is not documented")
        above = block if only_comment else (above if "FV_API" in block else "")
        number += block.count("\n") + 2


def check_format(paths):
    """What clang-format 14 would change, when it is installed."""
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        print("clang-format is not installed: layout not checked")
        return 0
    version = subprocess.run([tool, "--version"], stdout=subprocess.PIPE,
                             check=True).stdout.decode()
    if "version 14." not in version:
        print(f"layout not checked: {version.strip()}, expected 14")
        return 0
    run = subprocess.run([tool, "--dry-run", "--Werror", *paths], cwd=ROOT,
                         stderr=subprocess.PIPE, check=False)
    bad = re.findall(r"^(\S+?:\d+):\d+: error", run.stderr.decode(), re.M)
    for at in bad:
        print(f"{at}: clang-format would change this")
    return len(bad)


def check_file(path, used):
    """Number of offences in one file."""
    count = 0

    def say(number, sentence):
        nonlocal count
        count += 1
        print(f"{path}:{number}: {sentence}")

    with open(os.path.join(ROOT, path), "rb") as f:
        data = f.read()
    if not (path.endswith(TEXT) or data[:2] == b"#!"):
        return 0
    check_text(path, data, say)
    text = data.decode("utf-8", "replace")
    if path.endswith((".c", ".h")):
        check_c(path, text, used, say)
    if path.startswith("include/"):
        check_documented(text, say)
    return count


def main():
    paths = [p for p in tracked() if os.path.isfile(os.path.join(ROOT, p))]
    used = set()
    count = sum(check_file(p, used) for p in paths)
    for i, (file, words, _) in enumerate(ALLOWED):
        if i not in used:
            count += 1
            print(f"tools/check_style.py: nothing needs ({file}, {words})")
    c_files = [p for p in paths if p.endswith((".c", ".h"))]
    count += check_format(c_files)
    print(f"{len(paths)} files, {count} offences")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
