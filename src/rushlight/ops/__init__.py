"""The operations: one family a file, each op defined once with its formula, its shapes and its derivative."""

from rushlight.ops.arithmetic import *
from rushlight.ops.creation import *
from rushlight.ops.einsum import *
from rushlight.ops.elementwise import *
from rushlight.ops.gather import *
from rushlight.ops.index import *
from rushlight.ops.join import *
from rushlight.ops.matmul import *
from rushlight.ops.movement import *
from rushlight.ops.norm import *
from rushlight.ops.random import *
from rushlight.ops.reduce import *
from rushlight.ops.select import *
from rushlight.ops.softmax import *

# isort: split
from rushlight.ops.index import select as select  # the function, not the file of that name
