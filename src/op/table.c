/* The table of operations, in the order of fvi_op_id. */
#include "op/op.h"

#define ROW(name) [FVI_OP_##name] = &fvi_op_##name,
const fvi_op *const fvi_ops[FVI_OP_COUNT] = {FVI_OPS(ROW)};
#undef ROW
