"""The ``Source`` component: a ``defs.yaml`` that says where files lie and what their columns mean becomes an asset.

Its fields are ``SourceDefinition``; add a field there. What a load does belongs to ``assets.ingestion``.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from assets.broken import build_broken
from assets.ingestion.assets import build_files, build_raw_assets, build_source
from assets.ingestion.definitions import DefinitionError, find_definitions, load_definition
from assets.ingestion.mapping import SourceDefinition

_TEMPLATE = """\
type: {type}
attributes:
  kind: contacts # or orders, products
  format: csv # or parquet, jsonl
  location: imports/{name}/contacts.csv # below MAILRAIL_HOME; * is allowed
  columns: # our field: their column
    source_key: id
    email: email
    first_name: first_name
  consent:
    column: newsletter
    granted: ["yes"]
    denied: ["no"]
    unsubscribed: ["unsubscribed"]
    basis: where and how these people said yes
  rank: 10 # 1 wins where two sources disagree
"""


class SourceScaffolder(dg.Scaffolder):
    """Writes a ``defs.yaml`` that is filled as far as can be."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Write the file of a new source."""
        request.target_path.mkdir(parents=True, exist_ok=True)
        text = _TEMPLATE.format(type=request.type_name, name=request.target_path.name)
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


@dg.scaffold_with(SourceScaffolder)
class Source(dg.Component):
    """A source of contacts, orders or products: files, what their columns mean, and what consent they carry."""

    def __init__(self, definition: SourceDefinition, folder: Path) -> None:
        self.definition = definition
        self.folder = folder

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of the attributes in ``defs.yaml``."""
        return SourceDefinition

    @classmethod
    def load(cls, attributes: Any, context: dg.ComponentLoadContext) -> "Source":
        """Make the component from the attributes of a folder's ``defs.yaml``."""
        return cls(attributes.model_copy(update={"name": context.path.name}), context.path)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the source's asset and checks."""
        return dg.Definitions(assets=[build_files(self.definition), build_source(self.definition, self.folder)])


def build_source_defs(root: Path) -> dg.Definitions:
    """Return the assets of every source below a folder, and the raw tables; a broken one never stops the others."""
    found: dict[Path, SourceDefinition] = {}
    broken = []
    for path in find_definitions(root):
        try:
            found[path.parent] = load_definition(path)
        except DefinitionError as error:
            broken.append(build_broken("sources", path.parent.name, error.problems))
    sources = [build_source(definition, folder) for folder, definition in found.items()]
    files = map(build_files, found.values())
    loaded = dg.Definitions(assets=[*files, *sources, *build_raw_assets(list(found.values()))])
    return dg.Definitions.merge(loaded, *broken)
