/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes of accepted orders that every gate must play in the same way: the real
 * one (tests/gate) and its twin in memory (tests/sale).  Accepted, given to
 * settlers, ended in each way, twice, too late; carried over into a new gate.
 */
#ifndef TESTS_SALE_GATE_WAIT_SCENE_H
#define TESTS_SALE_GATE_WAIT_SCENE_H

#include "sale/ports.h"

#define GATE_WAIT_SCENES 26

/* Plays scene 0..GATE_WAIT_SCENES-1 as sale 5 on a gate that knows nothing of it.
 * `deadline_ns` is of every call. */
void gate_wait_scene_play(
    struct gate_port *port, size_t scene, int64_t deadline_ns);

#endif
