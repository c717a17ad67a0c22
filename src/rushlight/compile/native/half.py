"""float16 and float32 into each other, for processors that have no instruction for it.

LLVM calls two functions there, which no library that Python loads need have.
"""

from __future__ import annotations

import functools
from typing import Any

from rushlight.compile import host

__all__ = ["provide"]

TEXT = """
define float @rushlight_extend_half(half %x) {
  %short = bitcast half %x to i16
  %bits = zext i16 %short to i32
  %size = and i32 %bits, 32767
  %moved = shl i32 %size, 13
  %small = bitcast i32 %moved to float
  %scaled = fmul float %small, 0x46F0000000000000 ; 2^112, the difference of the exponents
  %far = fcmp oge float %scaled, 6.553600e+04
  %number = bitcast float %scaled to i32
  %infinite = or i32 %number, 2139095040
  %chosen = select i1 %far, i32 %infinite, i32 %number
  %top = and i32 %bits, 32768
  %sign = shl i32 %top, 16
  %whole = or i32 %chosen, %sign
  %out = bitcast i32 %whole to float
  ret float %out
}

define half @rushlight_truncate_half(float %x) {
  %bits = bitcast float %x to i32
  %size = and i32 %bits, 2147483647
  %magnitude = bitcast i32 %size to float
  %raised = fadd float %magnitude, 5.000000e-01 ; where 2^-24 is the last place: this rounds
  %raised.bits = bitcast float %raised to i32
  %subnormal = sub i32 %raised.bits, 1056964608
  %shifted = lshr i32 %size, 13
  %odd = and i32 %shifted, 1
  %rebased = add i32 %size, -939520001 ; the exponent's new base, and not quite half a unit
  %rounded = add i32 %rebased, %odd
  %normal = lshr i32 %rounded, 13
  %tiny = icmp ult i32 %size, 947912704
  %finite = select i1 %tiny, i32 %subnormal, i32 %normal
  %far = icmp uge i32 %size, 1199570944
  %ordinary = select i1 %far, i32 31744, i32 %finite
  %nan = icmp ugt i32 %size, 2139095040
  %chosen = select i1 %nan, i32 32256, i32 %ordinary
  %top = lshr i32 %bits, 16
  %sign = and i32 %top, 32768
  %whole = or i32 %chosen, %sign
  %short = trunc i32 %whole to i16
  %out = bitcast i16 %short to half
  ret half %out
}
"""

NAMES = {"__extendhfsf2": "rushlight_extend_half", "__truncsfhf2": "rushlight_truncate_half"}


@functools.cache
def provide() -> Any:
    """Have LLVM find the two functions; what is given back keeps them in memory."""
    if host.describe().halves:
        return None
    llvm = host.llvm()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(TEXT), host.target_machine(2))
    engine.finalize_object()
    for name, own in NAMES.items():
        llvm.add_symbol(name, engine.get_function_address(own))
    return engine
