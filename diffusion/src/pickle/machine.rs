//! A stack machine for pickles of weights. It calls nothing: what a pickle wants called is one of three names that are
//! understood as data, or the pickle is refused.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use super::{
    opcode,
    value::{Callable, Id, SavedTensor, Storage, Value},
};

/// What is wrong with a pickle, and where.
type Fault = String;

/// Most values that a pickle may make. The one of Hallo's 2,656 tensors makes 60,000.
const MOST_VALUES: usize = 1 << 18;
/// Most axes of a tensor.
const MOST_AXES: usize = 16;
/// Longest name of a storage; PyTorch numbers them.
const LONGEST_KEY: usize = 64;

/// Longest name of a tensor; the longest of Hallo's has 120 letters.
const LONGEST_NAME: usize = 1024;

/// Runs a pickle and returns the tensors of the dictionary that it makes, by name.
///
/// Every instruction makes at most one value, which is a text of the pickle itself or has a bounded size, and nothing that was made is
/// copied. So memory is bounded by the length of the pickle and by [`MOST_VALUES`], whatever its instructions repeat.
///
/// # Errors
/// When it is cut short, makes too much, or asks for anything that a dictionary of tensors does not need; says what, and at which byte.
pub(super) fn run(pickle: &[u8]) -> Result<BTreeMap<String, Rc<SavedTensor>>, Fault> {
    let mut machine =
        Machine { pickle, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let start = machine.at;
        match machine.step() {
            Ok(Some(root)) => return machine.tensors(root),
            Ok(None) => {}
            Err(fault) => return Err(format!("{fault} (byte {start} of the pickle)")),
        }
    }
}

struct Machine<'a> {
    pickle: &'a [u8],
    at: usize,
    /// Everything that was made.
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Where marks stand on the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Carries out one instruction; the last one gives what was made.
    fn step(&mut self) -> Result<Option<Id>, Fault> {
        let instruction = self.byte()?;
        match instruction {
            opcode::PROTO => match self.byte()? {
                2..=5 => {}
                version => return Err(format!("pickle protocol {version} is not read")),
            },
            opcode::FRAME => drop(self.bytes(8)?),
            opcode::STOP => return self.pop().map(Some),
            opcode::MARK => self.marks.push(self.stack.len()),
            opcode::NONE | opcode::NEWTRUE | opcode::NEWFALSE => self.push(Value::Other)?,
            opcode::BINFLOAT => {
                self.bytes(8)?;
                self.push(Value::Other)?;
            }
            opcode::BININT | opcode::BININT1 | opcode::BININT2 | opcode::LONG1 => {
                let number = self.number(instruction)?;
                self.push(Value::Int(number))?;
            }
            opcode::BINUNICODE | opcode::SHORT_BINUNICODE => {
                let length = if instruction == opcode::BINUNICODE { self.u32()? as usize } else { self.byte()?.into() };
                let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| "a text that is not UTF-8")?;
                self.push(Value::Text(text.to_owned()))?;
            }
            opcode::BINPUT | opcode::LONG_BINPUT | opcode::MEMOIZE => {
                let key = match instruction {
                    opcode::BINPUT => self.byte()?.into(),
                    opcode::LONG_BINPUT => self.u32()?,
                    _ => self.memo.len() as u32,
                };
                let top = *self.stack.last().ok_or("it keeps what was never made")?;
                if self.memo.len() == MOST_VALUES {
                    return Err(format!("it keeps more than {MOST_VALUES} values"));
                }
                self.memo.insert(key, top);
            }
            opcode::BINGET | opcode::LONG_BINGET => {
                let key = if instruction == opcode::BINGET { self.byte()?.into() } else { self.u32()? };
                let kept = *self.memo.get(&key).ok_or("it takes what was never kept")?;
                self.stack.push(kept);
            }
            opcode::GLOBAL | opcode::STACK_GLOBAL => self.name(instruction)?,
            opcode::REDUCE => self.call()?,
            opcode::BINPERSID => self.storage()?,
            // Attributes of a dictionary, such as the versions that PyTorch keeps beside it.
            opcode::BUILD => {
                self.pop()?;
                self.dict()?;
            }
            _ => self.collect(instruction)?,
        }
        Ok(None)
    }

    /// The instructions that make tuples, lists and dictionaries.
    fn collect(&mut self, instruction: u8) -> Result<(), Fault> {
        match instruction {
            opcode::EMPTY_TUPLE | opcode::EMPTY_LIST => self.push(Value::Row(Vec::new()))?,
            opcode::EMPTY_DICT => self.push(Value::Dict(Vec::new()))?,
            opcode::TUPLE1 | opcode::TUPLE2 | opcode::TUPLE3 => {
                let count = usize::from(instruction - opcode::TUPLE1) + 1;
                let from = self.stack.len().checked_sub(count).ok_or("a tuple of what was never made")?;
                let row = self.stack.split_off(from);
                self.push(Value::Row(row))?;
            }
            opcode::TUPLE => {
                let row = self.since_mark()?;
                self.push(Value::Row(row))?;
            }
            opcode::APPEND | opcode::APPENDS => {
                let new = if instruction == opcode::APPEND { vec![self.pop()?] } else { self.since_mark()? };
                match self.top()? {
                    Value::Row(row) => row.extend(new),
                    _ => return Err("it appends to what is no list".into()),
                }
            }
            opcode::SETITEM | opcode::SETITEMS => {
                let new = if instruction == opcode::SETITEMS {
                    self.since_mark()?
                } else {
                    let value = self.pop()?;
                    vec![self.pop()?, value]
                };
                let (pairs, []) = new.as_chunks::<2>() else { return Err("a key without a value".into()) };
                let pairs: Vec<(Id, Id)> = pairs.iter().map(|[key, value]| (*key, *value)).collect();
                self.dict()?.extend(pairs);
            }
            other => {
                let name = opcode::name(other);
                return Err(format!("the pickle uses the instruction {name}, which no state dictionary needs"));
            }
        }
        Ok(())
    }

    /// Names something that may be called; nothing but the names of a state dictionary is taken.
    fn name(&mut self, instruction: u8) -> Result<(), Fault> {
        let (module, name) = if instruction == opcode::GLOBAL {
            (self.line()?.to_owned(), self.line()?.to_owned())
        } else {
            let name = self.text()?;
            (self.text()?, name)
        };
        let callable = Callable::named(&module, &name).ok_or_else(|| {
            format!("the pickle names {module}.{name}, which no state dictionary needs; nothing of it was executed")
        })?;
        self.push(Value::Callable(callable))
    }

    /// Understands a call as data.
    fn call(&mut self) -> Result<(), Fault> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Callable(callable) = self.values[callable] else {
            return Err("it calls what cannot be called".into());
        };
        let Value::Row(arguments) = &self.values[arguments] else { return Err("a call without arguments".into()) };
        let made = match (callable, &arguments[..]) {
            (Callable::OrderedDict, []) => Value::Dict(Vec::new()),
            (Callable::Tensor, [storage, offset, shape, strides, ..]) if arguments.len() <= 7 => {
                self.tensor(*storage, *offset, *shape, *strides)?
            }
            (Callable::Parameter, &[tensor, ..]) if arguments.len() <= 3 => {
                let Value::Tensor(_) = self.values[tensor] else { return Err("a parameter that is no tensor".into()) };
                self.stack.push(tensor);
                return Ok(());
            }
            _ => return Err(format!("a call of {callable:?} with {} arguments", arguments.len())),
        };
        self.push(made)
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Value, Fault> {
        let Value::Storage(storage) = &self.values[storage] else { return Err("a tensor without a storage".into()) };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        if shape.len() != strides.len() {
            return Err(format!("a tensor with {} extents and {} strides", shape.len(), strides.len()));
        }
        Ok(Value::Tensor(Rc::new(SavedTensor {
            storage: storage.key.clone(),
            dtype: storage.dtype,
            numbers: storage.numbers,
            offset: self.size(offset)?,
            shape,
            strides,
        })))
    }

    /// A storage, `("storage", type, key, location, numbers)`; the location is a device and means nothing here.
    fn storage(&mut self) -> Result<(), Fault> {
        let id = self.pop()?;
        let what = match &self.values[id] {
            Value::Row(row) => row.as_slice(),
            _ => &[],
        };
        let &[tag, dtype, key, _, numbers] = what else {
            return Err("a reference to something that is no storage".into());
        };
        if let Value::Text(key) = &self.values[key]
            && key.len() > LONGEST_KEY
        {
            return Err(format!("a storage whose name has {} letters", key.len()));
        }
        let storage = match (&self.values[tag], &self.values[dtype], &self.values[key]) {
            (Value::Text(tag), Value::Callable(Callable::Storage(dtype)), Value::Text(key)) if tag == "storage" => {
                Storage { key: key.clone(), dtype: *dtype, numbers: self.size(numbers)? }
            }
            _ => return Err("a reference to something that is no storage".into()),
        };
        self.push(Value::Storage(storage))
    }

    /// The tensors of the dictionary `root`.
    fn tensors(self, root: Id) -> Result<BTreeMap<String, Rc<SavedTensor>>, Fault> {
        let Value::Dict(pairs) = &self.values[root] else {
            return Err("the pickle is no dictionary of tensors".into());
        };
        let mut tensors = BTreeMap::new();
        for (key, value) in pairs {
            let Value::Text(key) = &self.values[*key] else { return Err("a tensor without a name".into()) };
            let Value::Tensor(tensor) = &self.values[*value] else { return Err(format!("\"{key}\" is no tensor")) };
            if key.len() > LONGEST_NAME {
                return Err(format!("a tensor whose name has {} letters", key.len()));
            }
            if tensors.contains_key(key.as_str()) {
                return Err(format!("tensor {key} is saved twice"));
            }
            tensors.insert(key.clone(), Rc::clone(tensor));
        }
        Ok(tensors)
    }

    fn sizes(&self, row: Id) -> Result<Vec<u64>, Fault> {
        match &self.values[row] {
            Value::Row(row) if row.len() > MOST_AXES => Err(format!("a tensor with {} axes", row.len())),
            Value::Row(row) => row.iter().map(|size| self.size(*size)).collect(),
            _ => Err("a shape that is no tuple".into()),
        }
    }

    fn size(&self, id: Id) -> Result<u64, Fault> {
        match self.values[id] {
            Value::Int(size) => u64::try_from(size).map_err(|_| format!("a size of {size}")),
            _ => Err("a size that is no whole number".into()),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.values.len() == MOST_VALUES {
            return Err(format!("it makes more than {MOST_VALUES} values"));
        }
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        // What lies below a mark belongs to whoever set it.
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.pop().filter(|_| self.stack.len() >= floor).ok_or_else(|| "it takes what was never made".into())
    }

    fn top(&mut self) -> Result<&mut Value, Fault> {
        let top = self.stack.last().ok_or("it changes what was never made")?;
        Ok(&mut self.values[*top])
    }

    fn dict(&mut self) -> Result<&mut Vec<(Id, Id)>, Fault> {
        match self.top()? {
            Value::Dict(pairs) => Ok(pairs),
            _ => Err("it changes what is no dictionary".into()),
        }
    }

    fn text(&mut self) -> Result<String, Fault> {
        let id = self.pop()?;
        match &self.values[id] {
            Value::Text(text) => Ok(text.clone()),
            _ => Err("a name that is no text".into()),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or("a row without a beginning")?;
        Ok(self.stack.split_off(mark))
    }

    fn number(&mut self, instruction: u8) -> Result<i64, Fault> {
        Ok(match instruction {
            opcode::BININT => i64::from(self.u32()?.cast_signed()),
            opcode::BININT1 => self.byte()?.into(),
            opcode::BININT2 => i64::from(self.byte()?) | i64::from(self.byte()?) << 8,
            _ => {
                let length = usize::from(self.byte()?);
                let bytes = self.bytes(length)?;
                if length > 8 {
                    return Err(format!("a whole number of {length} bytes"));
                }
                // Two's complement, lowest byte first; the sign fills what is missing.
                let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
                let mut whole = [fill; 8];
                whole[..length].copy_from_slice(bytes);
                i64::from_le_bytes(whole)
            }
        })
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.pickle[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or("it is cut short")?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| "a name that is not UTF-8".into())
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let bytes = self.pickle[self.at..].get(..count).ok_or("the pickle is cut short")?;
        self.at += count;
        Ok(bytes)
    }
}
