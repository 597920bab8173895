-- Canary: one target of each component first, measured against its peers; a person may have to agree before the rest.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "One target of each component first, watched for long, then the rest in steps",
  params  = {
    preflight_deadline = duration "2m",
    ramp            = ramp { 1, "10%", "50%", "100%" },
    canary_soak     = duration "10m",              -- of the first batch
    soak            = duration "2m",               -- of those that follow
    settle          = duration "10s",              -- how long a target must stay well before it serves again
    max_failures    = count(0),
    max_unavailable = text "25%",
    approve         = flag(false),                 -- a person agrees after the canaries of the first level
    measure         = text "",                     -- a packaged command that prints a number, such as an error rate
    pass            = text "<= 1.5",               -- what the ratio of the canaries' number to their peers' must be
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }
    local analysis
    if params.measure ~= "" then
      analysis = { { name = params.measure, command = params.measure, compare = "peers", pass = params.pass,
                     interval = "30s", count = 5, inconclusive = 2 } }
    end
    for index, level in ipairs(ctx.levels) do
      local options = { soak = { params.canary_soak }, settle = params.settle, max_failures = params.max_failures,
                        max_unavailable = params.max_unavailable, analysis = analysis, ramp = { 1 } }
      ctx:update(level, options)
      if params.approve and index == 1 then
        local answer = ctx:approve("the canaries of " .. ctx.release .. " are well: go on?")
        if not answer.approved then
          error("not approved: " .. answer.reason)
        end
      end
      options.ramp, options.soak, options.analysis = params.ramp, { params.soak }, nil
      ctx:update(level, options)
    end
  end,
}
