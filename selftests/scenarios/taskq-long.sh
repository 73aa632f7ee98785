# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The same, with a million cancelled tasks.
# shellcheck source=selftests/scenarios/taskq.sh
. "$scenarios/taskq.sh"
description="task queues: a million delayed tasks cancelled about when their timers expire"
when=full
limit=5400
count=1000000
