"""Adds the example scripts to the installed package; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["shapeguard*"]), "shapeguard.examples"],
    package_dir={"shapeguard.examples": "examples"},
)
