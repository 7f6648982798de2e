"""Sync jobs: what a job's file may use is what this package exports."""

from hotdesk.jobs.base import Change, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.machine import Machine

__all__ = ["Change", "JobResult", "Machine", "Plan", "Problem", "SyncJob"]
