-- All at once: every target of a level in one go; for environments where nobody minds.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "Every target of a level at once, one level after the other; policies' budgets still bind",
  params  = {
    preflight_deadline = duration "2m",
    max_failures       = count(0),
    on_failure         = text "rollback-all",
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }
    for _, level in ipairs(ctx.levels) do
      ctx:update(level, { max_unavailable = "100%", max_failures = params.max_failures,
                          on_failure = params.on_failure })
    end
  end,
}
