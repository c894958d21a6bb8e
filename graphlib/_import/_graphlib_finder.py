"""Makes ``import graphlib`` find this project's package before the standard library's module of that name.

The standard library stands before every installed package on sys.path. ``graphlib-autodiff.pth``, installed
beside this file, has each interpreter call `install` as it starts; nothing else happens until graphlib is
imported.
"""

import sys


class PackageFirst:
    """A meta path finder: of what sys.path has called graphlib, the first package, not the first module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "graphlib":
            return None
        from importlib.machinery import PathFinder

        for entry in sys.path:
            spec = PathFinder.find_spec(name, [entry])
            # A folder without __init__.py that happens to have this name is no package: it has no loader.
            if spec is not None and spec.loader is not None and spec.submodule_search_locations is not None:
                return spec
        return None


def install():
    """Put the finder in front of Python's own; a second call changes nothing."""
    if PackageFirst not in sys.meta_path:
        sys.meta_path.insert(0, PackageFirst)
