"""The JSON Schema is one, takes the example and refuses faults; the manual formats without a warning."""

import json
import re
import shutil
import subprocess
import sys

import yaml

KEYWORDS = {
    "$schema", "title", "type", "additionalProperties", "properties", "required", "description", "default",
    "enum", "minimum", "maximum", "pattern", "items", "minItems", "maxItems",
}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}

MANUAL_PARTS = (
    ".SS dns\nhow DNS is asked.\n.TP\n.B dns.resolvers\n",
    ".B service.hostname\nfull name of this host: greeting, EHLO, Received, certificate.\n"
    "Takes a host name such as smtp.example.com.\nRequired.\n.TP\n",
    ".B limits.rate\nrecipients a second that an account may keep up.\n"
    "Takes a rate such as 10/s; from 1/s to 1000000/s.\nDefault: 10/s.\n.TP\n",
    ".B listeners[].plaintext_auth\ntake passwords without TLS; for networks that are protected otherwise.\n"
    "Takes true or false.\nDefault: false.\n.TP\n",
    ".SS state_directory\nqueue, accounts, keys; on a disk that keeps its promises about fsync.\n",
    "One of send, capture.\nDefault: send.\n.TP\n",
    "the Ed25519 key has \\-ed after it",
)


def check_form(schema, path):
    unknown = set(schema) - KEYWORDS
    assert not unknown, f"{path}: {unknown}"
    if "default" in schema:
        assert not faults(schema, schema["default"], path), f"{path}: the default does not pass"
    if "pattern" in schema:
        re.compile(schema["pattern"])
    for key, inner in schema.get("properties", {}).items():
        assert inner["description"], f"{path}.{key} is not described"
        check_form(inner, f"{path}.{key}")
    if "items" in schema:
        check_form(schema["items"], f"{path}[]")


def faults(schema, value, path):
    """As much of JSON Schema's rules as ours makes use of."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, TYPES[t]) and not (t == "integer" and isinstance(value, bool)) for t in types):
        return [f"{path}: not {types}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: not in {schema['enum']}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{path}: not of the form {schema['pattern']}")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path}: out of bounds")
    if isinstance(value, list):
        if not schema["minItems"] <= len(value) <= schema["maxItems"]:
            found.append(f"{path}: count")
        for index, item in enumerate(value):
            found += faults(schema["items"], item, f"{path}[{index}]")
    if isinstance(value, dict):
        found += [f"{path}.{key}: unknown" for key in value if key not in schema["properties"]]
        found += [f"{path}.{key}: missing" for key in schema["required"] if key not in value]
        for key in value.keys() & schema["properties"].keys():
            found += faults(schema["properties"][key], value[key], f"{path}.{key}")
    return found


def main():
    write, corpus = sys.argv[1:]
    schema = json.loads(subprocess.run([write, "schema"], check=True, capture_output=True).stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["service"]
    check_form(schema, "")

    limits = schema["properties"]["limits"]["properties"]
    assert limits["burst"]["minimum"] == 1 and limits["burst"]["maximum"] == 100000000
    assert limits["burst"]["default"] == 100 and limits["rate"]["default"] == "10/s"
    assert faults(limits["message_size"], 65536, "") == []
    assert schema["properties"]["dns"]["properties"]["resolvers"]["type"] == "array"
    assert schema["properties"]["listeners"]["items"]["properties"]["plaintext_auth"]["default"] is False

    with open(f"{corpus}/example", encoding="utf-8") as file:
        example = yaml.safe_load(file)
    assert faults(schema, example, "") == [], faults(schema, example, "")
    with open(f"{corpus}/faults", encoding="utf-8") as file:
        found = faults(schema, yaml.safe_load(file), "")
    assert ".service.hostnam: unknown" in found, found
    assert ".listeners[2].address: missing" in found, found
    assert ".limits.rate: not ['string']" in found, found

    manual = subprocess.run([write, "manual"], check=True, capture_output=True, text=True).stdout
    for key in ("service.hostname", "listeners[].tls", "queue.retry.first", "delivery.connect_map[].from"):
        assert f"\n.B {key}\n" in manual, key
    for part in MANUAL_PARTS:
        assert part in manual, part
    if shutil.which("groff"):
        page = '.TH SEALPOST.YAML 5\n' + manual
        shown = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-K", "utf8"], input=page, check=True, capture_output=True,
                               text=True)
        assert shown.stderr == "", shown.stderr


main()
