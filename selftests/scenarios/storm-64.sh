# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# The same with more CPUs than nodes keep sheaves for, and more processes at a time than memory.
# shellcheck source=selftests/scenarios/storm.sh
. "$scenarios/storm.sh"
description="the storm with 64 CPUs"
when=full
limit=1800
smp=64
count=50
