// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// app.lua: the words `application`, `component`, `setting` and `external`, and how what they wrote becomes an
// Application.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/sandbox.hpp"

namespace workflows::engine {
namespace {

// The words make records with this member; a script that writes such a record by hand gets no more than the
// word would give.
constexpr const char* word_key = "@";
constexpr const char* result_key = "tiercel.application";

// Pushes {"@" = word, name = upvalue 1, body = argument 1, line = where the script is}.
void push_record(lua_State* state, const char* word, int name_index, int body_index) {
    lua_createtable(state, 0, 4);
    lua_pushstring(state, word);
    lua_setfield(state, -2, word_key);
    lua_pushvalue(state, name_index);
    lua_setfield(state, -2, "name");
    if (body_index != 0) {
        lua_pushvalue(state, body_index);
        lua_setfield(state, -2, "body");
    }
    lua_pushinteger(state, lua::line_at(state, 1));
    lua_setfield(state, -2, "line");
}

int component_body(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    push_record(state, "component", lua_upvalueindex(1), 1);
    return 1;
}

int component_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TSTRING);
    lua_settop(state, 1);
    lua_pushcclosure(state, component_body, 1);
    return 1;
}

int application_body(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    if (lua_getfield(state, LUA_REGISTRYINDEX, result_key) != LUA_TNIL) {
        return luaL_error(state, "'application' is written twice; one file describes one application");
    }
    push_record(state, "application", lua_upvalueindex(1), 1);
    lua_setfield(state, LUA_REGISTRYINDEX, result_key);
    return 0;
}

int application_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TSTRING);
    lua_settop(state, 1);
    lua_pushcclosure(state, application_body, 1);
    return 1;
}

int setting_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TSTRING);
    push_record(state, "setting", 1, 0);
    return 1;
}

int external_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TSTRING);
    push_record(state, "external", 1, 0);
    return 1;
}

struct Word {
    std::string word;
    std::string name;
    int line = 0;
    const base::Value* body = nullptr;
};

std::optional<Word> word_of(const base::Value& value) {
    const base::Object* record = value.object();
    const base::Value* word = record == nullptr ? nullptr : record->find(word_key);
    const base::Value* name = record == nullptr ? nullptr : record->find("name");
    const base::Value* line = record == nullptr ? nullptr : record->find("line");
    if (word == nullptr || name == nullptr || line == nullptr || word->text() == nullptr ||
        name->text() == nullptr || line->whole() == nullptr) {
        return std::nullopt;
    }
    return Word{*word->text(), *name->text(), static_cast<int>(*line->whole()), record->find("body")};
}

// Each value with the line of the word that it stands in. An empty table is a record until somebody wants a
// list.
void set_lines(base::Value& value, int line) {
    if (const std::optional<Word> word = word_of(value)) {
        line = word->line;
    }
    value.line = line;
    if (base::Array* list = value.array()) {
        for (base::Value& item : *list) {
            set_lines(item, line);
        }
    } else if (base::Object* record = value.object()) {
        for (base::Member& member : record->members) {
            member.line = line;
            set_lines(member.value, line);
        }
    }
}

void empty_is_list(base::Value& value) {
    if (value.object() != nullptr && value.object()->empty()) {
        value.data = base::Array{};
    }
}

base::Value service_name(const base::Value& value, const base::Fields& consumes, const std::string& name) {
    base::Object consumed;
    const std::optional<Word> word = word_of(value);
    if (value.text() != nullptr) {
        consumed = {{"service", *value.text()}, {"external", false}};
    } else if (word && word->word == "external") {
        consumed = {{"service", word->name}, {"external", true}};
    } else {
        consumes.fail(name, fmt::format("'{}' is {}, but must be the name of a service, or external \"NAME\"",
                                        name, value.kind()));
    }
    base::Value result = std::move(consumed);
    lua::set_lines(result, value.line);
    return result;
}

// What the words made → the document that Application::from_value reads (the one in manifests), lines kept.
base::Value component_document(const Word& word, const std::string& file) {
    base::Value document = *word.body;
    base::Object& record = *document.object();
    const base::Fields fields(*word.body, file, "component " + word.name);
    if (record.find("name") != nullptr) {
        fields.fail("name", "unknown key 'name'; the name stands before the braces");
    }
    for (const char* key : {"packages", "conflicts"}) {
        if (base::Value* list = record.find(key)) {
            empty_is_list(*list);
        }
    }
    if (base::Value* consumes = record.find("consumes");
        consumes != nullptr && consumes->object() != nullptr) {
        const base::Fields names = *fields.record("consumes");
        for (base::Member& member : consumes->object()->members) {
            member.value = service_name(member.value, names, member.name);
        }
    }
    if (base::Value* produces = record.find("produces");
        produces != nullptr && produces->object() != nullptr) {
        for (base::Member& service : produces->object()->members) {
            if (service.value.object() == nullptr) {
                continue;
            }
            for (base::Member& field : service.value.object()->members) {
                if (const std::optional<Word> setting = word_of(field.value);
                    setting && setting->word == "setting") {
                    field.value = base::Object{{"setting", setting->name}};
                    lua::set_lines(field.value, setting->line);
                }
            }
        }
    }
    record.set("name", word.name);
    lua::set_lines(document, word.line);
    return document;
}

base::Value application_document(const Word& word, const std::string& file) {
    base::Array components;
    const base::Value& body = *word.body;
    if (body.object() != nullptr && !body.object()->empty()) {
        base::Fields(body, file)
            .fail(body.object()->members.front().name,
                  fmt::format("unknown key '{}'; an application is a list of components",
                              body.object()->members.front().name));
    }
    if (const base::Array* list = body.array()) {
        for (const base::Value& item : *list) {
            const std::optional<Word> component = word_of(item);
            if (!component || component->word != "component" || component->body == nullptr ||
                (component->body->object() == nullptr)) {
                throw base::Error(
                    base::Fault::Input,
                    "{}:{}: application '{}' contains {}, but must contain component \"NAME\" {{ … }}", file,
                    item.line, word.name, item.kind());
            }
            components.push_back(component_document(*component, file));
        }
    }
    base::Value document = base::Object{{"name", word.name}, {"components", std::move(components)}};
    lua::set_lines(document, word.line);
    return document;
}

} // namespace

Application Application::evaluate(std::string_view source, const std::string& file) {
    Sandbox sandbox;
    sandbox.add("application", application_word);
    sandbox.add("component", component_word);
    sandbox.add("setting", setting_word);
    sandbox.add("external", external_word);
    sandbox.load(source, file);
    sandbox.call(0);

    lua_getfield(sandbox.state(), LUA_REGISTRYINDEX, result_key);
    base::Value made;
    try {
        made = lua::read(sandbox.state(), -1);
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Input,
                          "{}: {}; write component \"NAME\" {{ … }} and service = {{ field = setting "
                          "\"NAME\" }}",
                          file, error.message());
    }
    const std::optional<Word> application = word_of(made);
    if (!application) {
        throw base::Error(base::Fault::Input,
                          "{}: no application; write application \"NAME\" {{ component \"NAME\" {{ … }} }}",
                          file);
    }
    set_lines(made, application->line);
    return from_value(application_document(*application, file), file);
}

} // namespace workflows::engine
