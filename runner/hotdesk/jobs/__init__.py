"""Sync jobs: what a job's file may use is what this package exports."""

from hotdesk.jobs.base import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.machine import Machine

__all__ = ["Change", "Expectation", "JobResult", "Machine", "Plan", "Problem", "SyncJob"]
