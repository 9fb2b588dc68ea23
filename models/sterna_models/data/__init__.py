"""Data sets: numpy arrays with a fixed, seeded, stratified split. Nothing here imports torch."""

from .can_frames import load_can_frames
from .data_set import DataSet, stratified_split
from .digits import load_digits, load_small_digit_images, load_small_digits
from .fashion import load_fashion
from .tabular import load_phishing, load_shuttle
from .vowels import load_vowels

__all__ = [
    "DataSet",
    "load_can_frames",
    "load_digits",
    "load_fashion",
    "load_phishing",
    "load_shuttle",
    "load_small_digit_images",
    "load_small_digits",
    "load_vowels",
    "stratified_split",
]
