# SPDX-License-Identifier: BSD-2-Clause
"""What `weir schema` prints against what weir takes, by a validator of its own.

Usage: schema.py SOURCE WEIR. Prints TAP; test_schema.sh runs it. Pipeline files of the tree
are all of demo/, those in README and docs/, the examples of the processors, and the corpus of
the fuzzers. A schema may take what weir refuses, and never the reverse: so whatever is changed
in a good file, weir's word is compared with the schema's.
"""
import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema

source, weir = sys.argv[1:3]
count = 0


def weir_prints(*arguments):
    done = subprocess.run([weir, *arguments], stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def weir_refuses(document):
    """What weir check says of it; None: nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        done = subprocess.run([weir, "check", file.name], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    return done.stderr.strip() if done.returncode == 2 else None


def claim(what, wrong):
    global count
    count += 1
    print(f"{'not ok' if wrong else 'ok'} {count} - {what}")
    for line in wrong:
        print(f"# {line}"[:400])


schema = weir_prints("schema")
validator = jsonschema.Draft202012Validator(schema)


def schema_refuses(document):
    error = next(iter(validator.iter_errors(document)), None)
    return error and f"{error.json_path}: {error.message}"


def changed(document, pointer, value):
    """A copy with this at the JSON pointer."""
    result = copy.deepcopy(document)
    *path, last = [part.replace("~1", "/") for part in pointer.split("/")[1:]]
    at = result
    for part in path:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    if isinstance(at, list):
        at[int(last):int(last) + 1 if last != "-" else None] = [value]
    else:
        at[last] = value
    return result


# --- Pipeline files of the tree ------------------------------------------------------------

base = {"name": "app", "inputs": ["in"], "outputs": {"default": "out"}}


def from_page(text):
    """A block of a page: a pipeline file, some keys of one, or a step."""
    try:
        part = json.loads(text)
    except ValueError:
        part = json.loads("{" + text + "}")
    if "use" in part:
        part = {"steps": [part]}
    return part if "inputs" in part else {**base, **part}


def pipelines():
    for path in glob.glob(f"{source}/demo/*.json"):
        yield path, json.load(open(path))
    for path in [f"{source}/README.md", *glob.glob(f"{source}/docs/*.md")]:
        for block in re.findall(r"```json\n(.*?)```", open(path).read(), re.S):
            # what has cases is for weir test
            if '"cases"' not in block and ('"use"' in block or '"inputs"' in block):
                yield path, from_page(block)
    for processor in weir_prints("list", "--json"):
        about = weir_prints("describe", processor["name"], "--json")
        yield f"example of {processor['name']}", about["example"]


def corpus():
    for path in glob.glob(f"{source}/tests/fuzz/corpus/pipeline/*"):
        try:
            yield path, json.loads(open(path, "rb").read().split(b"\n--\n")[0])
        except ValueError:
            pass


def valid_schema():
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return [error.message]
    return []


files = list(pipelines())
claim("the schema is a schema of draft 2020-12", valid_schema())
claim("there are pipeline files", [] if len(files) > 8 else [str(len(files))])
claim("every pipeline file of the tree is valid",
      [f"{path}: {said}" for path, file in files if (said := schema_refuses(file))])
claim("those of weir's own that need no others are good for weir, too",
      [f"{path}: {said}" for path, file in files if path.startswith("example")
       for said in [weir_refuses(file)] if said])

os.environ.update(FUZZ_TEXT="text", FUZZ_EMPTY="", FUZZ_SECRET="secret")
taken = [(path, file) for path, file in corpus() if not weir_refuses(file)]
claim("of the fuzzers' files weir takes some", [] if len(taken) > 4 else [str(taken)])
claim("and what it takes is valid",
      [f"{path}: {said}" for path, file in taken if (said := schema_refuses(file))])

# --- Whatever is written for a key ---------------------------------------------------------

full = {
    "name": "orders", "instance": "a", "guarantee": "exactly-once",
    "kafka": {"bootstrap.servers": "b:9092", "auto.offset.reset": "earliest",
              "transaction.timeout.ms": 15000, "session.timeout.ms": 10000,
              "consumer": {"fetch.min.bytes": 1}, "producer": {"linger.ms": 5}},
    "inputs": ["orders"], "tables": {"people": {"topic": "people"}},
    "steps": [{"name": "once", "use": "dedup", "with": {"id": ["key", "/id"], "window": "24h"}},
              {"use": "enrich", "with": {"table": "people", "on": "key", "into": "/who",
                                         "fields": ["name"]}},
              {"use": "route", "with": {"by": "/country"}, "outputs": {"de": "default"}}],
    "outputs": {"default": "out", "duplicates": "twice"}, "dead_letter": {"topic": "dead"},
    "errors": {"on_reject": "dead-letter", "retry_backoff": "1s", "retry_backoff_max": "30s",
               "retry_attempts": 3, "on_gap": "stop"},
    "commit": {"interval": "100ms", "records": 1000, "bytes": "1MiB"},
    "workers": 2, "state_dir": "/tmp/state", "drain_timeout": "2s",
    "$schema": "weir.schema.json",
}
values = [None, True, 0, 5, "0", "5", "", "text", "true", "-1", "/a~1b", "/a~", "2s", "1 s", "1KiB",
          "${X:-1s}", [], ["text"], {}, {"topic": "x"}]


def keys(document, pointer=""):
    yield pointer
    pairs = document.items() if isinstance(document, dict) else \
        enumerate(document) if isinstance(document, list) else []
    for key, value in pairs:
        yield from keys(value, f"{pointer}/{key}")


def stricter_than_weir():
    """Each value for each key; weir is asked only where the schema refuses, and of some of
    them where it is slow."""
    every = 1 if os.environ.get("WEIR_SANITIZER", "no") == "no" else 10
    documents = [(f"{pointer}={json.dumps(value)}", changed(full, pointer, value))
                 for pointer in list(keys(full))[1:] for value in values]
    refused = [(what, document) for what, document in documents if schema_refuses(document)]
    for what, document in refused[::every]:
        if not weir_refuses(document):
            yield f"{what}: {schema_refuses(document)}"


claim("the full file is good for both",
      [said for said in (weir_refuses(full), schema_refuses(full)) if said])
claim("whatever is written for a key: what weir takes is valid", list(stricter_than_weir()))

# --- Bad files -----------------------------------------------------------------------------

# what a schema cannot tell: ranges with units, and what depends on other keys' values
CANNOT = re.compile(r"there already|is an input too|is the topic of|is the name of|there is no|"
                    r"is above retry_backoff_max|ms to |1KiB to")


def tested_faults():
    """The rows of test_pipeline_faults.c: {"/pointer", "value", "message"}."""
    text = open(f"{source}/tests/config/test_pipeline_faults.c").read()
    text = text[:text.index("START_TEST(counts_are_bounded)")]
    part = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
    for row in re.findall(r"\{\s*" + part + r",\s*" + part + r",\s*" + part + r"\}", text):
        yield ["".join(json.loads(piece) for piece in re.findall(r'"(?:[^"\\]|\\.)*"', cell))
               for cell in row]


def parsed(value):
    try:
        return json.loads(value)
    except ValueError:
        return value


small = {"name": "orders", "instance": "i", "inputs": ["in", "in2"],
         "outputs": {"default": "out"}, "plugins": ["./mine"]}
faults = [row for row in tested_faults() if not CANNOT.search(row[2])]
claim("the faults of test_pipeline_faults.c are found", [] if len(faults) > 50 else [str(len(faults))])
claim("and the schema refuses them",
      [" ".join(row) for row in faults
       if "null" != row[1] and not schema_refuses(changed(small, row[0], parsed(row[1])))])

wrong = [
    ("/steps/0/use", "dedupe"), ("/steps/0/with", {}), ("/steps/0/with", None),
    ("/steps/0/with/window", "1 day"), ("/steps/0/with/windows", "1d"),
    ("/steps/0/with/late", "keep"), ("/steps/0/with/id", 7), ("/steps/1/with/into", "who"),
    ("/steps/2/with", {"unknown": "drop"}), ("/inputs", ["a", "a"]), ("/workers", 1.5),
    ("/kafka/producer/session.timeout.ms", 6000), ("/kafka/bootstrap.servers", []),
    ("/dead_letter", None), ("/outputs/de", 1),
]
claim("what is wrong in a file is refused by both",
      [f"{pointer}={value}: weir {weir_refuses(document)}, schema {schema_refuses(document)}"
       for pointer, value in wrong for document in [changed(full, pointer, value)]
       if not (weir_refuses(document) and schema_refuses(document))])
claim("a file that names plugins may use what is not known here",
      [said for said in [schema_refuses({**base, "plugins": "x", "steps": [{"use": "mine"}]})]
       if said])
print(f"1..{count}")
