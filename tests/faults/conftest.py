"""The region and the door of the modules' tests."""

from ..integration.modules.conftest import door, no_faults_after, region

__all__ = ["door", "no_faults_after", "region"]
