// layout of one encoded call, in int32: header, then the kernel's arguments
/** Index into the kernels of all memories, memory after memory. */
export const CALL_KERNEL = 0;
export const CALL_ARGUMENT_COUNT = 1;
/** Index of the begin argument to cut, or −1: thread 0 runs the whole call. */
export const CALL_SPLIT = 2;
export const CALL_GRANULE = 3;
/** 1 where all threads must have finished what came before. */
export const CALL_BARRIER = 4;
/** Index of the argument that takes the thread's scratch address, or −1. */
export const CALL_SCRATCH = 5;
export const CALL_HEADER = 6;
