"""Every command in the documents is one that the programs take; the cheap ones are run.

RUN are run, in a folder with what the repository has, and what each must print is beside it. All
others of ours (they train, or need a board, a network, data or a key) are parsed by Click or
argparse, and not run. Scripts and make targets must be there. What is not ours is in OTHERS.
"""

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from documentation.argparse_page import actions_of
from liteproof.cli import main as liteproof
from liteproof_edge.commands.arguments import parse

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "edge/README.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "reference"),
]
RUN = {
    "liteproof forecast models/mnist": "tflite-runtime 2.14  runs",
    "liteproof-edge bench models/mnist": "throughput",
    "liteproof-edge classify models/mnist docs/numbers.jpg --each --draw drawn.png": "331",
    "liteproof-edge classify models/mnist tests/pictures/*": "seven-chalk.jpg  7",
    "liteproof-edge classify models/mnist tests/pictures/three.jpg --reference-kernels": "3  ",
    "liteproof-edge info models/mnist": "runs it",
    "liteproof-edge inspect models/mnist": "int8: all 25 tensors are integers",
    "liteproof-edge inspect models/mnist --tensors": "int8: all 25 tensors are integers",
    "liteproof-edge verify models/mnist": "verified: this device answers as the host did",
}
# Other people's programs, which the tests do not hold to anything.
OTHERS = set(
    ". apt cat cd chromium cp curl echo git mv npm pip pre-commit python3 ssh-keygen sudo".split()
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Within a sentence a command may have gaps, such as BUNDLE: its name and its options must be there.
INLINE = re.compile(r"`((?:liteproof|liteproof-edge) [^`]+)`")
SEPARATORS = {"&&", "||", "|", ";"}


def commands_in(text):
    """Yield each command of a document's blocks, as a list of words."""
    for kind, block in FENCE.findall(text):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if kind == "sh":
                yield from split(line)
            elif line.startswith("$ "):
                yield from split(line[2:])


def split(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in SEPARATORS:
            yield from bare(words)
            words = []
        elif word in {"<", ">"}:
            next(lexer)
        else:
            words.append(word)
    yield from bare(words)


def bare(words):
    """Yield a command without what precedes it: variables, a folder, another machine."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if words and words[0] == "ssh":
        words = words[2:]
        words = [] if words[0].startswith("bash ") else words
    if words:
        yield [words[0].rpartition("/")[2] or words[0], *words[1:]]


FOUND = {
    " ".join(words): document.name
    for document in DOCUMENTS
    for words in commands_in(document.read_text())
}
MENTIONED = sorted(
    {
        " ".join(line.split())
        for document in DOCUMENTS
        for line in INLINE.findall(FENCE.sub("", document.read_text()))
    }
)


def of(program):
    return sorted(line for line in FOUND if line.split()[0] == program)


def test_every_command_is_one_of_ours_or_known():
    names = {line.split()[0] for line in FOUND}

    assert names - OTHERS <= {"liteproof", "liteproof-edge", "make", "python", "python3.11"}


@pytest.mark.parametrize("line", of("liteproof"))
def test_command_of_liteproof_parses(line):
    _, name, *arguments = line.split()

    liteproof.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("line", of("liteproof-edge"))
def test_command_of_liteproof_edge_parses(line):
    parse(line.split()[1:])


@pytest.mark.parametrize("line", MENTIONED)
def test_command_that_is_mentioned_has_these_options(line):
    program, name, *words = line.split()
    given = {word.split("=")[0] for word in words for word in word.strip("[]").split("|")}
    given = {word for word in given if word.startswith("--")} - {"--help", "--version"}
    if program == "liteproof":
        options = {option for each in liteproof.commands[name].params for option in each.opts}
    else:
        options = {option for each in actions_of(name) for option in each.option_strings}

    assert given - options == set()


@pytest.mark.parametrize("line", of("make"))
def test_make_target_is_there(line):
    makefile = (ROOT / "Makefile").read_text()

    targets = itertools.takewhile(lambda word: "=" not in word, line.split()[1:])

    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("line", of("python") + of("python3.11"))
def test_script_is_there(line):
    words = line.split()
    if words[1] == "-m":
        package = ROOT / "scripts" / words[2]
        assert words[2] in {"venv", "build"} or package.is_dir()
    elif words[1] != "-c":
        assert (ROOT / words[1]).is_file()


def test_what_is_run_is_in_a_document():
    assert [line for line in RUN if line not in FOUND] == []


@pytest.mark.parametrize("line", RUN)
def test_command_runs_as_it_stands(tmp_path, line):
    for name in ("docs", "models", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    program, *words = line.split()
    module = {"liteproof": "liteproof", "liteproof-edge": "liteproof_edge"}[program]
    arguments = [
        str(each)
        for word in words
        for each in (sorted(tmp_path.glob(word)) if "*" in word else [word])
    ]
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert RUN[line] in done.stdout
