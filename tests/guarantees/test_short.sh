#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A few of the trials of tests/guarantees/faults, small: each says if its faults met what they
# were meant to meet. The whole matrix is `make check-faults`.
exec tests/guarantees/faults --tap --seconds 6 --records 3000 \
    clients-killed network/exactly-once late-end
