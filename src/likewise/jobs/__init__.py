"""Jobs: one function mapped over many items in shards, which survives being stopped anywhere.

Used by everything that takes longer than a coffee: embeddings, masks, saliency, rendering.
"""

from likewise.jobs.job import Job, JobResult, failures_table
from likewise.jobs.runner import advance, run, running
from likewise.jobs.store import Shard, stored_shards

__all__ = ["Job", "JobResult", "Shard", "advance", "failures_table", "run", "running", "stored_shards"]
