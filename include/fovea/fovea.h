#ifndef FV_FOVEA_H
#define FV_FOVEA_H

#include "fovea/arch.h"
#include "fovea/augment.h"
#include "fovea/class_score.h"
#include "fovea/degrade.h"
#include "fovea/field.h"
#include "fovea/filter.h"
#include "fovea/flows.h"
#include "fovea/graph.h"
#include "fovea/image.h"
#include "fovea/loss.h"
#include "fovea/map.h"
#include "fovea/model.h"
#include "fovea/optim.h"
#include "fovea/plan.h"
#include "fovea/score.h"
#include "fovea/segment.h"
#include "fovea/shape.h"
#include "fovea/stars.h"
#include "fovea/status.h"
#include "fovea/synth.h"
#include "fovea/tensor.h"
#include "fovea/train.h"

#endif
