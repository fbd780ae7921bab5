"""Time, memory and operations of upsamplers."""

from dysample.measure.bench import BenchReport, BenchRow, benchmark, copy_bandwidth
from dysample.measure.case import PAPER_SIZE, BenchCase, MapSize
from dysample.measure.complexity import ComplexityReport, ComplexityRow, ParameterCount, complexity_report
from dysample.measure.machine import Machine, this_machine
from dysample.measure.macs import Cost, MacRule, count_macs
from dysample.measure.memory import Kept, kept_for_backward, peak_allocated, peak_beyond_output
from dysample.measure.profile import CallParts, ProfileReport, call_parts
from dysample.measure.share import HostReport, HostShare, Picture, host_share
from dysample.measure.timing import CudaStopwatch, Race, Sample, Spread, Timing, cpu_stopwatch, race

__all__ = [
    "PAPER_SIZE",
    "BenchCase",
    "BenchReport",
    "BenchRow",
    "CallParts",
    "ComplexityReport",
    "ComplexityRow",
    "Cost",
    "CudaStopwatch",
    "HostReport",
    "HostShare",
    "Kept",
    "MacRule",
    "Machine",
    "MapSize",
    "ParameterCount",
    "Picture",
    "ProfileReport",
    "Race",
    "Sample",
    "Spread",
    "Timing",
    "benchmark",
    "call_parts",
    "complexity_report",
    "copy_bandwidth",
    "count_macs",
    "cpu_stopwatch",
    "host_share",
    "kept_for_backward",
    "peak_allocated",
    "peak_beyond_output",
    "race",
    "this_machine",
]
