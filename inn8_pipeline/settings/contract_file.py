"""Read the contract file that INN8_CONTRACT_FILE names."""

from pathlib import Path

from inn8_pipeline.contract import DEFAULT, Contract
from inn8_pipeline.contract.reading import InvalidContractError, parse
from inn8_pipeline.entities import ENTITIES
from inn8_pipeline.errors import ContractFileError, SettingsError
from inn8_pipeline.settings.environment import Environment

_EXAMPLE = "/etc/inn8/contract.toml"


def read_contract_file(environment: Environment, prefix: str) -> Contract:
    """Return the contract of the tenant whose variables begin with `prefix`; the built-in one if no file is named.

    A tenant without a file of its own uses that of INN8_CONTRACT_FILE, because most tenants use the same INN8.

    Raises:
        SettingsError: The file cannot be read.
        ContractFileError: A line of the file is wrong.

    """
    variable = f"{prefix}CONTRACT_FILE"
    name = environment.read(variable, _EXAMPLE, default="")
    if not name:
        variable = "INN8_CONTRACT_FILE"
        name = environment.read(variable, _EXAMPLE, default="")
    if not name:
        return DEFAULT
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"names a file that cannot be read ({type(error).__name__})"
        raise SettingsError(variable, problem, _EXAMPLE) from None
    try:
        return parse(text, ENTITIES)
    except InvalidContractError as error:
        raise ContractFileError(variable, error.problem, name, error.line, error.key) from None
