"""Weights of networks in safetensors files, never pickles; a file with other tensors than the network's is refused."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gliofill.errors import GliofillError
from gliofill.files.atomic import sha256, whole_file


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, half: bool) -> str:
    """Write tensors in float32, or in float16, and return the checksum of the file."""
    dtype = torch.float16 if half else torch.float32
    plain = {name: value.detach().to("cpu", dtype).contiguous() for name, value in tensors.items()}
    with whole_file(path) as temporary:
        save_file(plain, temporary)
    return sha256(path)


def load_weights(path: Path, network: nn.Module, *, checksum: str, metadata: str) -> None:
    """Load the weights of a network from a file.

    Parameters
    ----------
    path
        A safetensors file.
    network
        Gets the weights, in float32.
    checksum
        SHA-256 of the file as its metadata state it.
    metadata
        Name of the file that states it, for messages.

    Raises
    ------
    GliofillError
        If the file is missing or damaged, or its tensors are not those of the network.
    """
    if not path.is_file():
        raise GliofillError(f"{path}: no such weights file")
    if sha256(path) != checksum:
        raise GliofillError(f"{path}: the checksum is not that of {metadata}; the file is damaged or belongs elsewhere")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise GliofillError(f"{path}: cannot be read as safetensors ({error})") from error
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise GliofillError(f"{path}: {name} has shape {found.get(name)}, {metadata} wants {expected.get(name)}")
        if not torch.isfinite(tensors[name]).all():
            raise GliofillError(f"{path}: {name} has NaN or infinite weights")
    network.load_state_dict({name: value.float() for name, value in tensors.items()})
