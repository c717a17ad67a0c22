"""What ``torch.autograd.function`` has for operations of one's own."""

from rushlight.core.function import Function, FunctionContext, once_differentiable

__all__ = ["Function", "FunctionContext", "FunctionCtx", "once_differentiable"]

FunctionCtx = FunctionContext
