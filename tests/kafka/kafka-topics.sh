#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What Kafka's distribution has in its bin folder, for those who have Kafka's jars alone.
exec "$(dirname -- "$0")/kafka" topics "$@"
