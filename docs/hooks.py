"""Makes the site's page of all settings from what they say of themselves."""

from mkdocs.structure.files import File

from keras_gan.presets import explanations
from keras_gan.presets.settings import explain_field
from keras_gan.training import Options

PAGE = """\
# Settings

Each setting of a run by its key. On the command line it is `--set KEY=VALUE`, in Python an argument of
[`kg.train`](reference/training.md) or of [`kg.presets.Config`](reference/presets.md). A key without the name of its
player means both players: `width=32` is `generator_width=32` and `discriminator_width=32`.

{settings}

# How a run is kept

The options of [`kg.training.Options`](reference/training.md): on the command line `--keep 5` and so on, in Python
`kg.train(options={{"keep": 5}})`.

{options}
"""


def on_files(files, config):
    options = [explain_field(name, field) for name, field in Options.model_fields.items()]
    text = PAGE.format(settings=_list(explanations()), options=_list(options))
    files.append(File.generated(config, "settings.md", content=text))
    return files


def _list(explained):
    lines = []
    for each in explained:
        default = "none" if each.default is None else str(each.default).lower()
        meaning = each.meaning[0].upper() + each.meaning[1:].rstrip(".")
        lines += [f"`{each.key}`", f":   {meaning}.  ", f"    *{each.values}; default `{default}`*", ""]
    return "\n".join(lines)
