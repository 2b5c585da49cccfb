/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes that every gate must play in the same way: the real one (tests/gate)
 * and its twin in memory (tests/sale).  Less stock and more again while claims
 * hold units, late calls, a publish whose answer was lost.
 */
#ifndef TESTS_SALE_GATE_SCENE_H
#define TESTS_SALE_GATE_SCENE_H

#include "sale/ports.h"

#define GATE_SCENES 13

/* Plays scene 0..GATE_SCENES-1 as sale 5 on a gate that knows nothing of it.
 * `deadline_ns` is of every call. */
void gate_scene_play(struct gate_port *port, size_t scene, int64_t deadline_ns);

#endif
