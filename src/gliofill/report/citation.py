"""A text for a methods section that says what was done to the images, and the references that it cites."""

from collections.abc import Iterable

from gliofill import __version__
from gliofill.report.provenance import ModelFacts

#: what the texts cite, by key
REFERENCES = {
    "genc": (
        "Genc O, Chunduru P, Molinaro A, Pedoia V, Chang S, Villanueva-Meyer J, Lupo Palladino J. Using deep learning "
        "to generate missing anatomical imaging contrasts required for lesion segmentation in patients with glioma. "
        "Proc. ISMRM 2022; abstract 3460. https://doi.org/10.58530/2022/3460"
    ),
    "isola": (
        "Isola P, Zhu JY, Zhou T, Efros AA. Image-to-image translation with conditional adversarial networks. "
        "CVPR 2017. https://doi.org/10.1109/CVPR.2017.632"
    ),
    "n4": (
        "Tustison NJ, et al. N4ITK: improved N3 bias correction. IEEE Trans Med Imaging 2010;29:1310–1320. "
        "https://doi.org/10.1109/TMI.2010.2046908"
    ),
    "ants": (
        "Tustison NJ, et al. The ANTsX ecosystem for quantitative biological and medical imaging. "
        "Sci Rep 2021;11:9068. https://doi.org/10.1038/s41598-021-87564-6"
    ),
    "mni": (
        "Fonov V, et al. Unbiased average age-appropriate atlases for pediatric studies. NeuroImage 2011;54:313–327. "
        "https://doi.org/10.1016/j.neuroimage.2010.07.033"
    ),
    "bids": (
        "Gorgolewski KJ, et al. The brain imaging data structure. Sci Data 2016;3:160044. "
        "https://doi.org/10.1038/sdata.2016.44"
    ),
    "nipype": (
        "Gorgolewski K, et al. Nipype: a flexible, lightweight and extensible neuroimaging data processing framework "
        "in Python. Front Neuroinform 2011;5:13. https://doi.org/10.3389/fninf.2011.00013"
    ),
    "snakemake": (
        "Mölder F, et al. Sustainable data analysis with Snakemake. F1000Research 2021;10:33. "
        "https://doi.org/10.12688/f1000research.29032.2"
    ),
}


def methods_text(models: Iterable[ModelFacts], *, bias_corrected: bool, mask_method: str) -> tuple[str, list[str]]:
    """Return a paragraph for a methods section and the references that it cites.

    Parameters
    ----------
    models
        Models behind the synthetic images; none if all images were acquired.
    bias_corrected
        Whether N4 was applied.
    mask_method
        How the brain mask was made: ``template``, ``provided``, ``none``; empty if it is not known.
    """
    keys = ["bids", "snakemake", "nipype"]
    sentences = [
        f"Images were organised as BIDS [{_cite('bids', keys)}] and processed with gliofill {__version__}, a workflow "
        f"of Snakemake [{_cite('snakemake', keys)}] and Nipype [{_cite('nipype', keys)}]."
    ]
    steps = []
    if bias_corrected:
        steps.append(f"corrected for intensity inhomogeneity with N4 [{_cite('n4', keys)}]")
    steps.append(
        f"aligned rigidly, through the session's reference contrast, to the ICBM 2009a symmetric template "
        f"(MNI152NLin2009aSym) [{_cite('mni', keys)}] with ANTs [{_cite('ants', keys)}], and resampled once to 1 mm"
    )
    sentences.append(f"The acquired contrasts were {', '.join(steps)}.")
    sentences += {
        "template": ["Brain masks were carried over from a head template by registration."],
        "provided": ["Brain masks were provided with the data."],
        "none": ["The images had been stripped to the brain before."],
    }.get(mask_method, [])
    for contrast, source, model in sorted({(m.contrast, m.source, m.model_id) for m in models}):
        sentences.append(
            f"Missing or unusable {_spoken(contrast)} images were synthesised from {_spoken(source)} images with a "
            f"conditional generative adversarial network [{_cite('isola', keys)}, {_cite('genc', keys)}] "
            f"(model {model}); synthetic images are marked as such in name, sidecar and header."
        )
    return " ".join(sentences), [f"{number}. {REFERENCES[key]}" for number, key in enumerate(keys, 1)]


def _cite(key: str, keys: list[str]) -> int:
    if key not in keys:
        keys.append(key)
    return keys.index(key) + 1


def _spoken(contrast: str) -> str:
    return {"T1post": "post-gadolinium T1w", "T1w": "pre-gadolinium T1w"}.get(contrast, contrast)
