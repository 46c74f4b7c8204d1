# Copyright (c) DKSAN-MM contributors.
"""Compilation of kernels for GPUs that may be absent. Imports triton.

This does not work with Triton's interpreter, which replaces the compiler when
triton is imported.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend
from triton.runtime.jit import create_function_from_signature

from .launch import Launch
from .tables import Form, markdown

NVIDIA_TOOLS = Path(triton.__file__).parent / 'backends/nvidia/bin'
# By compute capability, from Nvidia's CUDA programming guide, "Technical
# specifications per compute capability": warps, blocks and bytes of shared
# memory of a multiprocessor. Each block reserves 1 KiB of shared memory.
WARPS = {80: 64, 86: 48, 89: 48, 90: 64, 100: 64, 120: 48}
BLOCKS = {80: 32, 86: 16, 89: 24, 90: 32, 100: 32, 120: 24}
SHARED = {80: 164, 86: 100, 89: 100, 90: 228, 100: 228, 120: 100}
REGISTERS = 65536
REGISTER_STEP = 8  # registers per thread are rounded up to a multiple


@dataclass(frozen=True)
class Compiled:
    """Resources and memory loads of a compiled kernel.

    Attributes:
        registers (int): Registers per thread.
        stack (int): Bytes per thread that spill into memory.
        shared (int): Bytes of shared memory per program.
        warps (int): Warps per program.
        loads (dict[int, int]): Number of global loads in the code for each
            width in bits.
    """

    registers: int
    stack: int
    shared: int
    warps: int
    loads: dict[int, int]

    def occupancy(self, capability: int) -> float:
        """Return the share of a multiprocessor's warps that are active."""
        step = REGISTER_STEP
        registers = -(-self.registers // step) * step * 32 * self.warps
        blocks = min(REGISTERS // registers, WARPS[capability] // self.warps,
                     BLOCKS[capability],
                     1024 * SHARED[capability] // (self.shared + 1024))
        return blocks * self.warps / WARPS[capability]


def compile_for(launch: Launch, target: GPUTarget) -> Compiled:
    """Compile a launch's kernel as Triton does on that GPU.

    Args:
        launch (Launch): Launch, whose tensors may be on the meta device.
        target (GPUTarget): Target, e.g. ``GPUTarget('cuda', 90, 32)`` or
            ``GPUTarget('hip', 'gfx942', 64)``.

    Returns:
        Compiled: Resources of the kernel.
    """
    kernel, backend = launch.function(), make_backend(target)
    keywords = dict(launch.keywords(target.backend), debug=False)
    bind = create_function_from_signature(kernel.signature, kernel.params,
                                          backend)
    bound, specialization, options = bind(*launch.arguments, **keywords)
    options, signature, constants, attributes = kernel._pack_args(
        backend, keywords, bound, specialization, options)
    source = ASTSource(kernel, signature, constants, attributes)
    compiled = triton.compile(source, target, options.__dict__)
    read = _nvidia if target.backend == 'cuda' else _amd
    return read(compiled.asm, launch.warps, compiled.metadata.shared)


def _nvidia(code: dict[str, Any], warps: int, shared: int) -> Compiled:
    """Read resources of a cubin with cuobjdump, and loads from PTX."""
    with tempfile.NamedTemporaryFile(suffix='.cubin') as file:
        file.write(code['cubin'])
        file.flush()
        text = subprocess.run(
            [NVIDIA_TOOLS / 'cuobjdump', '--dump-resource-usage', file.name],
            check=True,
            capture_output=True,
            text=True).stdout
    found = {
        name: int(number)
        for name, number in re.findall(r'(REG|STACK|LOCAL):(\d+)', text)
    }
    loads: dict[int, int] = {}
    for many, bits in re.findall(r'ld\.global\S*?(?:\.v(\d))?\.b(\d+)',
                                 code['ptx']):
        width = int(many or 1) * int(bits)
        loads[width] = loads.get(width, 0) + 1
    return Compiled(found['REG'], found['STACK'] + found['LOCAL'], shared,
                    warps, loads)


def _amd(code: dict[str, Any], warps: int, shared: int) -> Compiled:
    """Read resources and loads from AMD assembly."""

    def number(name: str) -> int:
        found = re.search(rf'\.{name}:\s+(\d+)', code['amdgcn'])
        if found is None:
            raise ValueError(f'the assembly does not state {name}')
        return int(found[1])

    loads: dict[int, int] = {}
    for words in re.findall(r'(?:global|buffer)_load_dword(x\d)?\b',
                            code['amdgcn']):
        width = 32 * int(words[1:] or 1)
        loads[width] = loads.get(width, 0) + 1
    return Compiled(
        number('vgpr_count'), number('private_segment_fixed_size'), shared,
        warps, loads)


TARGETS = {
    **{
        f'sm_{number}': GPUTarget('cuda', number, 32)
        for number in WARPS
    }, 'gfx942': GPUTarget('hip', 'gfx942', 64)
}
# A100, H100 and H200; then GeForce 30, B200 and MI300.
STATED, RARE = ('sm_80', 'sm_90'), ('sm_86', 'sm_100', 'gfx942')


def is_stated(form: Form, target: str) -> bool:
    """Return whether the table lists a common form for a GPU."""
    return target in STATED or form.dtype == torch.float32


def resources(forms: Sequence[Form]) -> str:
    """Tabulate the resources of each form on each GPU in Markdown.

    Args:
        forms (Sequence[Form]): Forms of the kernels. float32 forms are also
            compiled for rarer GPUs.

    Returns:
        str: Registers per thread, bytes of shared memory per program,
        occupancy, and bytes of stack per thread if registers spill.
    """
    rows = []
    for form in forms:
        cells = []
        for name in STATED + RARE:
            if not is_stated(form, name):
                cells.append('')
                continue
            found = compile_for(form.launch, TARGETS[name])
            cell = f'{found.registers} / {found.shared}'
            if name.startswith('sm_'):
                cell += f' / {found.occupancy(TARGETS[name].arch):.0%}'
            cells.append(cell + (f' / {found.stack}' if found.stack else ''))
        rows.append([form.title, str(32 * form.launch.warps), *cells])
    return markdown(['kernel', 'threads', *STATED, *RARE], rows)
