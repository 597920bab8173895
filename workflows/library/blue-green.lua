-- Blue and green: half of each component's nodes, by a label, is updated while the other half serves; it takes over when
-- it is well, and the other half follows. A node serves again only when its own checks pass.
-- SPDX-License-Identifier: Apache-2.0
return workflow {
  summary = "One half of each component, by the label color, and when it has proved itself the other half",
  params  = {
    preflight_deadline = duration "2m",
    label        = text "color",
    first        = text "green",
    second       = text "blue",
    settle       = duration "10s",
    soak         = duration "5m",                  -- with the first half on the new release
    approve      = flag(false),                    -- a person agrees before the second half follows
    max_failures = count(0),
  },
  run = function(ctx, params)
    ctx:preflight { deadline = params.preflight_deadline }
    for _, level in ipairs(ctx.levels) do
      local options = { settle = params.settle, soak = params.soak, max_failures = params.max_failures,
                        max_unavailable = "50%", where = params.label .. "=" .. params.first }
      ctx:update(level, options)
      if params.approve then
        local answer = ctx:approve(params.first .. " serves " .. ctx.release .. ": shall " .. params.second .. " follow?")
        if not answer.approved then
          error("not approved: " .. answer.reason)
        end
      end
      options.where = params.label .. "=" .. params.second
      ctx:update(level, options)
      options.where = nil
      ctx:update(level, options)                   -- nodes of neither color
    end
  end,
}
