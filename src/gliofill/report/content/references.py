"""What the methods text cites, once, as a line of a reference list and as BibTeX."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes
    ----------
    authors
        As in a reference list, separated by commas; ``et al.`` stands for those left out.
    where
        Journal or proceedings.
    place
        Volume, pages or number, as in a reference list; may be empty.
    """

    key: str
    authors: str
    title: str
    where: str
    year: int
    place: str
    doi: str
    is_proceedings: bool = False

    @property
    def line(self) -> str:
        """The reference as a line of text."""
        place = f"{self.year};{self.place}" if self.place else str(self.year)
        return f"{self.authors.removesuffix('.')}. {self.title}. {self.where} {place}. https://doi.org/{self.doi}"

    @property
    def bibtex(self) -> str:
        """The reference as a BibTeX entry."""
        kind, container = ("inproceedings", "booktitle") if self.is_proceedings else ("article", "journal")
        names = [name.strip() for name in self.authors.split(",")]
        people = " and ".join("others" if name == "et al." else _bibtex_name(name) for name in names)
        fields = {"author": people, "title": f"{{{self.title}}}", container: self.where, "year": str(self.year)}
        volume, colon, pages = self.place.partition(":")
        if colon:
            fields |= {"volume": volume, "pages": pages.replace("–", "--")}
        elif self.place:
            fields["note"] = self.place
        fields["doi"] = self.doi
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{kind}{{{self.key},\n{lines}\n}}"


def _bibtex_name(name: str) -> str:
    """Return a name with its comma.

    Examples
    --------
    >>> _bibtex_name("Lupo Palladino J")
    'Lupo Palladino, J'
    """
    family, _, initials = name.rpartition(" ")
    return f"{family}, {initials}"


#: by key
REFERENCES = {
    reference.key: reference
    for reference in (
        Reference(
            "genc",
            "Genc O, Chunduru P, Molinaro A, Pedoia V, Chang S, Villanueva-Meyer J, Lupo Palladino J",
            "Using deep learning to generate missing anatomical imaging contrasts required for lesion segmentation in "
            "patients with glioma",
            "Proc. ISMRM",
            2022,
            "abstract 3460",
            "10.58530/2022/3460",
            is_proceedings=True,
        ),
        Reference(
            "isola",
            "Isola P, Zhu JY, Zhou T, Efros AA",
            "Image-to-image translation with conditional adversarial networks",
            "Proc. CVPR",
            2017,
            "",
            "10.1109/CVPR.2017.632",
            is_proceedings=True,
        ),
        Reference(
            "n4",
            "Tustison NJ, et al.",
            "N4ITK: improved N3 bias correction",
            "IEEE Trans Med Imaging",
            2010,
            "29:1310–1320",
            "10.1109/TMI.2010.2046908",
        ),
        Reference(
            "ants",
            "Tustison NJ, et al.",
            "The ANTsX ecosystem for quantitative biological and medical imaging",
            "Sci Rep",
            2021,
            "11:9068",
            "10.1038/s41598-021-87564-6",
        ),
        Reference(
            "mni",
            "Fonov V, et al.",
            "Unbiased average age-appropriate atlases for pediatric studies",
            "NeuroImage",
            2011,
            "54:313–327",
            "10.1016/j.neuroimage.2010.07.033",
        ),
        Reference(
            "billot",
            "Billot B, et al.",
            "SynthSeg: segmentation of brain MRI scans of any contrast and resolution without retraining",
            "Med Image Anal",
            2023,
            "86:102789",
            "10.1016/j.media.2023.102789",
        ),
        Reference(
            "hoopes",
            "Hoopes A, et al.",
            "SynthStrip: skull-stripping for any brain image",
            "NeuroImage",
            2022,
            "260:119474",
            "10.1016/j.neuroimage.2022.119474",
        ),
        Reference(
            "isensee",
            "Isensee F, et al.",
            "Automated brain extraction of multisequence MRI using artificial neural networks",
            "Hum Brain Mapp",
            2019,
            "40:4952–4964",
            "10.1002/hbm.24750",
        ),
        Reference(
            "bids",
            "Gorgolewski KJ, et al.",
            "The brain imaging data structure",
            "Sci Data",
            2016,
            "3:160044",
            "10.1038/sdata.2016.44",
        ),
        Reference(
            "nipype",
            "Gorgolewski K, et al.",
            "Nipype: a flexible, lightweight and extensible neuroimaging data processing framework in Python",
            "Front Neuroinform",
            2011,
            "5:13",
            "10.3389/fninf.2011.00013",
        ),
        Reference(
            "snakemake",
            "Mölder F, et al.",
            "Sustainable data analysis with Snakemake",
            "F1000Research",
            2021,
            "10:33",
            "10.12688/f1000research.29032.2",
        ),
    )
}
