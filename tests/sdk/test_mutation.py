"""The mutation command: what a fault is, where it may be, and what is made of the results."""

from __future__ import annotations

import io
import sys
import tokenize
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import vyper
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import Settings
from vyper.exceptions import VyperException

from plimsoll.artifacts import PROJECT_ROOT
from plimsoll.errors import ArtifactError, ConfigError, InputError
from plimsoll.mutation import report, trees
from plimsoll.mutation.campaign import refusal, still_to_do
from plimsoll.mutation.choice import choose
from plimsoll.mutation.faults import OPERATORS, Fault, all_faults, faults_of
from plimsoll.mutation.killers import (
    FLOWS,
    TESTS,
    Killer,
    files_of,
    fuzz_killer,
    in_order_of_price,
    run_killer,
)
from plimsoll.mutation.results import Result, ResultFile, Score, Status, score
from plimsoll.mutation.sources import Source, function_names, read_sources
from scripts import mutate

FUNCTIONS = frozenset({"_mul_div_up", "_mul_div_down", "_share_up"})
ROLLING_LIMIT = "contracts/_lib/rolling_limit.vy"
HEAD = "# pragma version 0.4.3\n\n@internal\ndef _f(a: uint256, b: uint256):\n"


def snippet(*lines: str) -> Source:
    """A function with these lines as its body."""
    return Source("contracts/_lib/snippet.vy", HEAD + "".join(f"    {line}\n" for line in lines))


def mutated(operator: str, *lines: str) -> list[str]:
    """The changed lines that one operator makes of a body."""
    source = snippet(*lines)
    return [
        fault.difference(source.text)[1]
        for fault in faults_of(source, FUNCTIONS)
        if fault.operator == operator
    ]


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return read_sources(PROJECT_ROOT)


@pytest.fixture(scope="module")
def faults(sources: list[Source]) -> list[Fault]:
    return all_faults(sources, function_names(PROJECT_ROOT))


# --- operators --------------------------------------------------------------------------

CASES = [
    ("compare", "x = a < b", ["x = a <= b"]),
    ("compare", "x = a >= b", ["x = a > b"]),
    ("compare", "x = (a) == (b)", ["x = (a) != (b)"]),
    ("compare", "x = a not in [b]", ["x = a in [b]"]),
    ("arithmetic", "x = a + b", ["x = a - b"]),
    ("arithmetic", "x = (a + 1) * (b)", ["x = (a + 1) // (b)", "x = (a - 1) * (b)"]),
    ("arithmetic", "x -= a", ["x += a"]),
    ("arithmetic", "x = -a", ["x = a"]),
    ("arithmetic", "x = unsafe_add(a, b)", ["x = unsafe_sub(a, b)"]),
    ("arithmetic", "x = a >> 8 & b", ["x = a >> 8 | b", "x = a << 8 & b"]),
    ("rounding", "x = a // b", ["x = ((a) + (b) - 1) // (b)"]),
    ("rounding", "x = (a + b - 1) // b", ["x = (a) // (b)"]),
    ("rounding", "x = m._mul_div_up(a, b, 3)", ["x = m._mul_div_down(a, b, 3)"]),
    ("rounding", "x = self._share_up(a)", []),  # there is no _share_down
    ("rounding", "x = m._floor_div(a, b)", ["x = ((a) // (b))"]),
    ("rounding", "x = m._encode(a, up)", ["x = m._encode(a, (not (up)))"]),
    ("drop", "self.x = a", ["pass"]),
    ("drop", "self.x[a] += b", ["pass"]),
    ("drop", "extcall token.send(a)", ["pass"]),
    ("drop", "self._check(a)", ["pass"]),
    ("drop", "log Sent(a=a)", []),
    ("drop", "x: uint256 = a", []),  # what follows needs the name
    ("layer", "x = self._room(JUNIOR_LAYER)", ["x = self._room(SENIOR_LAYER)"]),
    ("layer", "x = self._senior_due", ["x = self._junior_due"]),
    ("layer", "self.junior = a", []),
    ("edge", "x = p.tick", ["x = (p.tick + 1)"]),
    ("edge", "x = entry_tick._decode(a)", []),
    ("edge", "x = e._worse_edge(a, long)", ["x = e._worse_edge(a, (not (long)))"]),
    ("minmax", "x = min(a, b)", ["x = max(a, b)"]),
    ("constant", "x = a * 86_400", ["x = a * 86401"]),
    ("constant", "x = 10**6", ["x = 10**7"]),
    ("constant", "x = y[1]", []),
    ("assert", 'assert a == b, "x: y"', ["pass"]),
    ("assert", 'raise "x: y"', ["pass"]),
    ("boolean", "x = a if b else c", ["x = a if (not (b)) else c"]),
    ("boolean", "x = a and b or c", ["x = a and b and c", "x = a or b or c"]),
    ("boolean", "x = True", ["x = False"]),
    ("index", "x = y[0]", ["x = y[1]"]),
    ("index", "x = y[2]", ["x = y[1]"]),
    ("index", "x = y[a][b]", ["x = y[b][a]"]),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "line", "expected"), CASES, ids=str)
def test_operator__snippet__this_and_nothing_else(operator, line, expected):
    assert sorted(mutated(operator, line)) == sorted(expected)


def test_operators__each__has_a_case():
    assert {operator for operator, _, _ in CASES} == set(OPERATORS)


def test_compare__after_a_staticcall_in_brackets__at_the_right_place():
    line = "x = staticcall A(b).f(a - 1) * (a + 3) < (staticcall A(b).g())"
    assert mutated("compare", line) == [line.replace("<", "<=")]


def test_arithmetic__over_lines_with_a_comment__only_the_sign():
    source = snippet("x = (", "    a  # a + b", "    + b", ")")
    (fault,) = (f for f in faults_of(source, FUNCTIONS) if f.operator == "arithmetic")
    assert fault.applied(source.text) == source.text.replace("    + b", "    - b")


def test_places__types_and_loop_variables__left_alone():
    body = ("for i: uint256 in range(3):", "    x: uint256[7] = empty(uint256[7])")
    assert mutated("constant", *body) == ["for i: uint256 in range(4):"]


def test_places__constants_of_a_module__values_only():
    source = Source("contracts/_lib/c.vy", "A: constant(uint256) = 5\nB: uint256[3]\n")
    assert [fault.id for fault in faults_of(source, FUNCTIONS)] == [
        "contracts/_lib/c.vy:1:24:constant"
    ]


def test_source__not_vyper__names_the_line():
    with pytest.raises(InputError, match=r"bad\.vy:2: not understood"):
        _ = Source("bad.vy", "x: uint256\nx = = 3\n").tree


# --- all faults of the project ----------------------------------------------------------


def test_faults__every_id__once_and_again_the_same(sources, faults):
    ids = [fault.id for fault in faults]
    assert len(set(ids)) == len(ids) > 3_000
    alone = [fault for source in sources for fault in faults_of(source, frozenset())]
    assert {fault.id for fault in alone} <= set(ids)
    assert all(fault.id.startswith(f"{fault.path}:{fault.line}:") for fault in faults)


def test_faults__text_of_a_fault__stands_where_its_id_says(sources, faults):
    texts = {source.path: source.text for source in sources}
    for fault in faults:
        line = texts[fault.path].split("\n")[fault.line - 1]
        start = texts[fault.path][fault.start : fault.end].split("\n")[0]
        assert line[fault.column - 1 :].startswith(start)


def test_faults__none_in_docstring_or_comment(sources, faults):
    prose: dict[str, set[int]] = {}
    for source in sources:
        starts = [0]
        for line in source.lines:
            starts.append(starts[-1] + len(line) + 1)
        held = prose.setdefault(source.path, set())
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                first, last = (starts[row - 1] + col for row, col in (token.start, token.end))
                held.update(range(first, last))
    assert all(prose.values())
    assert [fault.id for fault in faults if fault.start in prose[fault.path]] == []


def test_faults__mocks__have_none(faults):
    assert not [fault for fault in faults if "/mocks/" in fault.path]


def test_choice__every_module_and_operator__has_its_part(sources, faults):
    chosen = choose(faults, mutate.DEFAULT_COUNT, 1)
    assert len(set(chosen)) == mutate.DEFAULT_COUNT
    of_operator = Counter(fault.operator for fault in chosen)
    assert set(of_operator) == set(OPERATORS)
    assert min(of_operator.values()) >= 10
    assert {fault.path for fault in chosen} == {fault.path for fault in faults}


def test_choice__more_of_the_same_seed__begins_with_the_fewer(faults):
    assert choose(faults, 40, 7) == choose(faults, 160, 7)[:40]
    assert choose(faults, 40, 7) != choose(faults, 40, 8)
    assert len(choose(faults[:9], 100, 1)) == 9


def test_chosen_faults__applied__still_readable(sources, faults):
    by_path = {source.path: source for source in sources}
    for fault in choose(faults, mutate.DEFAULT_COUNT, 1):
        text = fault.applied(by_path[fault.path].text)
        assert text != by_path[fault.path].text
        assert Source(fault.path, text).tree.body


def test_small_module__every_fault__compiles_or_is_refused(tmp_path, sources):
    (source,) = (source for source in sources if source.path == ROLLING_LIMIT)
    found = faults_of(source, function_names(PROJECT_ROOT))
    assert len(found) > 30
    original = compiled(tmp_path, source.text)
    refused, same = [], []
    for fault in found:
        try:
            code = compiled(tmp_path, fault.applied(source.text))
        except VyperException:
            refused.append(fault.id)
        else:
            same += [fault.id] if code == original else []
    assert same == []
    assert len(refused) <= 4, refused


def compiled(root: Path, text: str) -> str:
    """Runtime code of the module's harness, the module's text being this."""
    module = root / ROLLING_LIMIT
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(text, encoding="utf-8")
    harness = root / "contracts/mocks/RollingLimitHarness.vy"
    harness.parent.mkdir(exist_ok=True)
    harness.write_text((PROJECT_ROOT / harness.relative_to(root)).read_text(encoding="utf-8"))
    bundle = FilesystemInputBundle([root])
    output = vyper.compile_from_file_input(
        bundle.load_file(harness.relative_to(root)),
        input_bundle=bundle,
        output_formats=["bytecode_runtime"],
        settings=Settings(evm_version="cancun"),
    )
    return str(output["bytecode_runtime"])


# --- trees ------------------------------------------------------------------------------


def test_make_tree__sources_copied__the_rest_linked(tmp_path):
    project = tmp_path / "project"
    for name in ("contracts/A.vy", "build/contracts/A.json", "docs/a.md", ".git/x", "reports/r"):
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(name)
    tree = trees.make_tree(project, tmp_path / "tree")
    assert sorted(path.name for path in tree.iterdir()) == ["build", "contracts", "docs"]
    assert (tree / "docs").is_symlink()
    (tree / "contracts/A.vy").write_text("changed")
    assert (project / "contracts/A.vy").read_text() == "contracts/A.vy"


def test_deployed_codes__project__as_compiled_and_within_the_limit():
    codes = trees.deployed_codes(PROJECT_ROOT)
    assert "Waterfall" in codes
    assert not {"TestToken", "RollingLimitHarness"} & set(codes)
    assert trees.changed(codes, codes) == []
    immutables = trees.immutable_bytes(PROJECT_ROOT)
    assert immutables["Waterfall"] == 4 * 32
    assert trees.too_large(codes, immutables) == []
    room = trees.CODE_LIMIT - len(codes["Waterfall"].runtime)
    assert trees.too_large(codes, {"Waterfall": room}) == []
    assert trees.too_large(codes, {"Waterfall": room + 1}) == ["Waterfall"]


def test_changed__one_code_differs__named():
    codes = {"A": trees.Code(b"i", b"r"), "B": trees.Code(b"i", b"r")}
    assert trees.changed(codes, codes | {"B": trees.Code(b"j", b"r")}) == ["B"]


def test_deployed_codes__without_the_compilers_note__refused(tmp_path):
    for name, text in (
        ("contracts/A.vy", ""),
        ("build/contracts/A.json", '{"abi": [], "bytecode": "0x0000", "deployedBytecode": "0x"}'),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(ArtifactError, match="without the compiler's note"):
        trees.deployed_codes(tmp_path)


def test_refusal__compiler_or_something_else__told_apart():
    said = (
        "Compiling\nUnhandled exception in 'contracts/A.vy':\n\x1b[31mTypeMismatch\x1b[0m: no\n x"
    )
    assert refusal(ArtifactError(said, next_step="")) == "TypeMismatch: no"
    assert refusal(ArtifactError("no space left on device", next_step="")) == ""


# --- killers ----------------------------------------------------------------------------


def test_tests__every_module__has_some_and_they_exist(sources):
    assert {source.module for source in sources} == set(TESTS)
    for file in {file for files in (*TESTS.values(), FLOWS) for file in files}:
        assert (PROJECT_ROOT / "tests" / file).exists(), file
    with pytest.raises(ConfigError, match="no tests are named for the module nobody"):
        files_of("nobody")


def test_in_order_of_price__cheapest_first_and_once():
    seconds = {"a": 3.0, "b": 1.0, "c": 2.0}
    assert in_order_of_price(["a", "b", "c", "a"], seconds) == ("b", "c", "a")


def killer_that(script: str) -> Killer:
    return Killer("unit", (sys.executable, "-c", script))


def fuzz_that(script: str) -> Killer:
    return replace(fuzz_killer(steps=1, seed=1), command=killer_that(script).command)


def test_run_killer__passes__nothing_found(tmp_path):
    verdict = run_killer(killer_that("print('I-03 holds')"), tmp_path, 30)
    assert (verdict.code, verdict.by) == (0, "")


def test_run_killer__test_fails__named_with_its_invariant(tmp_path):
    line = "FAILED tests/unit/test_x.py::test_a[1 - b] - AssertionError: I-05: sides differ"
    verdict = run_killer(killer_that(f"print({line!r}); exit(1)"), tmp_path, 30)
    assert (verdict.code, verdict.found) == (1, True)
    assert verdict.by.startswith("tests/unit/test_x.py::test_a[1")
    assert "I-05" in verdict.message


def test_run_killer__fuzz_finds_a_violation__named_by_number(tmp_path):
    script = "print('VIOLATION step 7: I-04 rho is 2\\n -> make fuzz CASE=x'); exit(1)"
    verdict = run_killer(fuzz_that(script), tmp_path, 30)
    assert (verdict.by, verdict.message) == ("fuzz I-04", "step 7: I-04 rho is 2")
    assert verdict.found


def test_run_killer__fuzz_breaks__nothing_found(tmp_path):
    assert not run_killer(fuzz_that("raise OSError(28, 'no space left')"), tmp_path, 30).found
    assert not run_killer(fuzz_that("exit(2)"), tmp_path, 30).found
    assert run_killer(fuzz_that("exit(5)"), tmp_path, 30).found  # the opening reverted


def test_run_killer__too_slow__ended(tmp_path):
    verdict = run_killer(killer_that("import time; time.sleep(60)"), tmp_path, 0.5)
    assert (verdict.code, verdict.by) == (None, "timeout")
    assert verdict.seconds < 30


# --- results ----------------------------------------------------------------------------


def result(number: int, status: Status, **changes: str) -> Result:
    fields = {"path": "contracts/_lib/a.vy", "operator": "compare", "before": "a", "after": "b"}
    return Result(id=f"a:{number}", status=status, **(fields | changes))


def test_score__only_what_counts():
    statuses = [*[Status.KILLED] * 8, Status.TIMEOUT, Status.SURVIVED, Status.REFUSED]
    total = score(
        result(number, status) for number, status in enumerate([*statuses, Status.EQUIVALENT])
    )
    assert total == Score(noticed=9, survived=1, apart=2)
    assert total.percent == "90.0 %"
    assert Score(0, 0, 3).percent == "-"
    assert Score(999, 1, 0).percent == "99.9 %"


def test_result_file__written_and_read__the_same(tmp_path):
    file = ResultFile(tmp_path / "deep" / "r.json")
    file.meta["seed"] = 3
    file.add(result(1, Status.TIMEOUT, by="timeout"))
    again = ResultFile(file.path)
    assert (again.results, again.meta) == (file.results, {"seed": 3})
    file.path.write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        ResultFile(file.path)


def test_still_to_do__known_lines_only__skipped(tmp_path):
    source = snippet("x = a < b", "x = a > b")
    faults = [fault for fault in faults_of(source, FUNCTIONS) if fault.operator == "compare"]
    texts = {source.path: source.text}
    file = ResultFile(tmp_path / "r.json")
    assert still_to_do(faults, file, texts, frozenset()) == faults
    for fault in faults:
        before, after = fault.difference(source.text)
        known = Result(fault.id, fault.path, fault.operator, before, after, Status.SURVIVED)
        file.add(known)
    assert still_to_do(faults, file, texts, frozenset()) == []
    assert still_to_do(faults, file, texts, frozenset({Status.SURVIVED})) == faults
    edited = {source.path: source.text.replace("a < b", "a < c")}
    assert still_to_do(faults, file, edited, frozenset()) == faults[:1]


def test_document__survivors__explained_or_said_not_to_be(tmp_path):
    toml = tmp_path / "survivors.toml"
    toml.write_text(
        '["a:1"]\nafter = "b"\nwhy = "the quotient is 0 either way"\n'
        '["a:2"]\nafter = "an older line"\nwhy = "no longer about this"\n'
    )
    explanations = report.read_explanations(toml)
    results = [
        result(1, Status.SURVIVED),
        result(2, Status.SURVIVED),
        result(3, Status.KILLED, killer="unit", by="tests/unit/test_x.py::test_a"),
    ]
    assert report.unexplained(results, explanations) == [results[1]]
    text = report.document(results, explanations, "make mutate SEED=1", {"time": "short"})
    assert "**Score 33.3 %**: 1 of 3" in text
    assert "2 survived, 1 of them unexplained" in text
    assert "the quotient is 0 either way" in text
    assert "no longer about this" not in text
    assert "| unit | tests/unit/test_x.py | 1 |" in text


def test_read_explanations__no_file__none(tmp_path):
    assert report.read_explanations(tmp_path / "none.toml") == {}
    (tmp_path / "bad.toml").write_text('["a:1"]\nwhy = "only half"\n')
    with pytest.raises(ConfigError, match="cannot be read"):
        report.read_explanations(tmp_path / "bad.toml")


# --- the command ------------------------------------------------------------------------


def test_chosen_faults__of_a_module__that_only(sources):
    args = mutate.parse(["--modules", "rolling_limit", "--count", "5"])
    chosen = mutate.chosen_faults(args, sources)
    assert len(chosen) == 5
    assert {fault.path for fault in chosen} == {ROLLING_LIMIT}
    args = mutate.parse(["--ids", chosen[3].id])
    assert mutate.chosen_faults(args, sources) == [chosen[3]]


@pytest.mark.parametrize("option", ["--modules", "--operators", "--ids"])
def test_chosen_faults__unknown_name__refused(sources, option):
    with pytest.raises(InputError, match="nonsense"):
        mutate.chosen_faults(mutate.parse([option, "nonsense"]), sources)


def test_judge__each_shortcoming__named():
    good = [result(number, Status.KILLED) for number in range(report.LEAST_SCORED)]
    mutate.judge(good, len(good), whole=True)
    mutate.judge(good[:3], 3, whole=False)
    with pytest.raises(mutate.NotGoodEnough, match="149 faults count, wanted 150"):
        mutate.judge(good[1:], len(good) - 1, whole=True)
    with pytest.raises(mutate.NotGoodEnough, match="1 of 4 faults have no result yet"):
        mutate.judge(good[:3], 4, whole=False)
    with pytest.raises(mutate.NotGoodEnough, match="1 faults without a verdict, such as a:-2"):
        mutate.judge([*good[:3], result(-2, Status.BROKEN)], 4, whole=False)
    survivor = result(-1, Status.SURVIVED)
    with pytest.raises(mutate.NotGoodEnough, match=r"score 75\.0 %.*1 survivors are not explained"):
        mutate.judge([*good[:3], survivor], 4, whole=False)
