"""The files that make an output folder a BIDS derivatives dataset, and the check that it is ours to write into."""

from collections.abc import Mapping
from pathlib import Path

from gliofill import __version__
from gliofill.derivatives import experiment_paths, paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json, write_text

# what BIDS has no rule for yet: quality records, transforms, tables over the cohort, pictures, logs
IGNORED = (
    "*_qc.json",
    "*_xfm.txt",
    "desc-*.tsv",
    "desc-*.json",
    paths.FAILURES,
    "failures.json",
    "figures",
    paths.LOGS,
    experiment_paths.ROOT,
    "*.html",
    "report",
)


def check_output(bids_dir: Path, output_dir: Path) -> None:
    """Refuse an output folder that is the raw dataset, holds it, or belongs to something else.

    Raises
    ------
    GliofillError
        Saying what lies there.
    """
    if output_dir == bids_dir or output_dir in bids_dir.parents:
        raise GliofillError(
            f"output_dir {output_dir} would mix derivatives into the raw dataset {bids_dir}; choose another folder"
        )
    description = output_dir / "dataset_description.json"
    is_ours = description.is_file() or (output_dir / ".gliofill").is_dir()
    if not is_ours and output_dir.is_dir() and any(not path.name.startswith(".") for path in output_dir.iterdir()):
        raise GliofillError(
            f"output_dir {output_dir} holds files that gliofill did not make; choose a new or an empty folder"
        )
    if description.is_file():
        makers = read_json(description).get("GeneratedBy") or [{}]
        if makers[0].get("Name") != "gliofill":
            raise GliofillError(
                f"output_dir {output_dir} holds a dataset that gliofill did not make; choose another folder"
            )


def write_description(bids_dir: Path, output_dir: Path, derivatives: Mapping[str, Path] | None = None) -> None:
    """Write dataset_description.json, README and .bidsignore.

    Its DatasetLinks tell where the raw dataset is, and the derivatives of others that masks were taken from.
    """
    links = {"raw": bids_dir.as_uri(), **{name: path.as_uri() for name, path in (derivatives or {}).items()}}
    content = {
        "Name": "gliofill derivatives: complete sets of glioma MRI contrasts, acquired and synthetic",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "License": "That of the raw dataset",
        "Authors": ["gliofill", "The authors of the raw dataset"],
        "HEDVersion": "8.3.0",
        "GeneratedBy": [{"Name": "gliofill", "Version": __version__}],
        "SourceDatasets": [{"URL": link} for link in links.values()],
        "DatasetLinks": links,
    }
    write_json(output_dir / "dataset_description.json", content)
    write_text(output_dir / ".bidsignore", "\n".join(IGNORED) + "\n")
    write_text(output_dir / "README.md", README)


README = """# gliofill derivatives

Every session's MRI contrasts on the 1 mm grid of MNI152NLin2009aSym, aligned rigidly, skull-stripped.

Files with `space-individual`, if there are some, are in the session's own space instead, on the grid of its
reference contrast.

- `*_desc-preproc_*` were acquired.
- `*_desc-imputed_*` are **synthetic**: a network made them from another contrast. Their sidecars say
  `"Synthetic": true`, what they were made from and why. They are meant to complete the input of
  segmentation and radiomics, never for diagnosis.
- `desc-contrasts_coverage.tsv` says of every contrast whether it was there, missing or unusable, and why.
- `desc-contrasts_quality.tsv` has the measured geometry and quality scores of every acquired image.
- `desc-complete_contrasts.tsv` names the four files of each session and says which are synthetic.
- `failures.tsv` lists what went wrong, if anything did.
"""
