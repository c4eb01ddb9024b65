"""Makes SDF records of molecules whose SMILES is known, in every form in which stereochemistry is written.

    python make_sdf.py OUT.sdf COUNT SMILES_FILE…

Needs RDKit. Half of the records come from lists of small molecules of every stereo kind (below), half from the files
(lines of `SMILES name`, `.gz` too). Each record is of one form: two or three dimensions, with or without hydrogens, with or
without wedges, V2000 or V3000, sometimes with one wiggly or crossed double bond; the order of its atoms is always
shuffled. Data items: `EXPECTED` (RDKit's canonical SMILES of what was written), `KIND` and `FORM`. The same arguments
give the same file.
"""

import gzip
import random
import sys

from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

RDLogger.DisableLog("rdApp.*")

# Every stereo kind; stereoisomers are enumerated.
KINDS = {
    "dependent": [
        "CC1CCC({a})CC1", "CC1CC({a})C1", "CC1COC({a})CO1", "CC1OCC({a})CO1", "OC1C(O)C(O)C(O)C(O)C1{a}", "CC1CCC(C{a})CC1",
        "C1CC2CCC1C2{a}", "CN1C2CCC1CC({a})C2", "CC1CCC(CC1)C(=O)N{a}", "CC1CN({a})CC(C)O1", "{a}C1CC2(C1)CC({a})C2",
        "CC1CC(C)CC({a})C1", "{a}C(C(C)O)(C(C)O)F", "OC(C{a})C(O)C(O)C{a}", "CC1CCC2(CC1)OCC({a})O2", "C1CC2CC({a})CC1CC2",
        "CC1CCN(CC1)C1CCC({a})CC1", "{a}C1C2CC3CC(C2)CC1C3", "CC1CCC(=C)CC1{a}", "OC1CC2CCC(C1)N2{a}", "CC1(F)CC(C)({a})C1",
    ],
    "ring_double_bond": [
        "CN1C2CCC1CC(=C{a})C2", "CC1CCC(=C{a})CC1", "CC1CC(=C{a})C1", "C{a}C=C1CC(C)C1", "CC1CCC(=NO)CC1{a}", "C1CCCC=CCC1{a}",
        "C1CCCCC=CCCC1{a}", "{a}C=C1CCCC1=C{a}", "CC(=C1CCC({a})CC1)F", "{a}C=C1C2CCC1CC2",
    ],
    "double_bond": [
        "CC=C{a}", "CC=CC=C{a}", "CC=CC=CC=C{a}", "CC(O)C=CC(O)C{a}", "FC(Cl)=C(Br){a}", "CC=NO{a}", "C/C(=N\\N)/C{a}", "CN=NC{a}",
        "CC(C=C{a})C=CC", "CC(F)C(=CC{a})C(C)F", "N=C(C)C{a}", "CC=C=C{a}", "CC=CC(C=CC)O{a}", "CC=CC#CC=C{a}", "ON=C(C)C(C)=N{a}",
        "O=C(C=C{a})C=Cc1ccccc1", "CC=C(C=CC)C=C{a}", "c1ccccc1C=Cc1ccc({a})cc1", "CSC=CS(=O){a}",
    ],
    "lone_pair": [
        "CS(=O)C{a}", "CS(=O)c1ccc({a})cc1", "C[S+](CC){a}", "CP(CC){a}", "CP(=O)(O){a}", "CP(=S)(OC){a}", "O=S1CCC({a})C1", "C[S+]1CCCC1{a}",
        "CP1CCCC1{a}", "CS(=N)(=O){a}", "CS(=NC)C{a}", "C[Se](=O)C{a}", "[O-][S+](C)C{a}", "O=S(C)CC(O)C{a}", "CC1CCS(=O)C1{a}",
        "O=S1OCC({a})CO1", "CP(C)C(F){a}", "C[As](CC){a}", "O=S(c1ccccc1)C({a})C", "CS(=O)OC{a}", "O=P1(C)OCCC({a})O1",
    ],
    "quaternary": [
        "C[N+](CC)(CCC){a}", "C[Si](F)(CC){a}", "C[Ge](F)(CC){a}", "C[N+]1(CC)CCCC({a})C1", "CC1CN1{a}", "C1N2CCC(CC2)C1{a}", "CB(F)(Cl){a}",
        "FC(Cl)(Br){a}", "[2H]C(C)(O){a}", "[13CH3]C(C)(O){a}", "CC(C)(C(C)F){a}", "C1CN2CCC1CC2{a}", "N12CCC(CC1)C({a})C2", "CC1OC1{a}",
    ],
    "plain": [
        "CC(N){a}", "C1CC1C(O){a}", "OCC1OC(O)C(O)C(O)C1O{a}", "CC12CCC(O)CC1CCC1C2CCC2(C)C1CCC2{a}", "CC1(C)C2CCC1(C)C(=O)C2{a}",
        "NC(C{a})C(=O)NC(C)C(=O)O", "C1CC2C1CC2{a}", "OC1C=CC({a})CC1", "CC(O)C(N)C({a})F", "C1CCC2CC({a})CCC2C1", "C1C2CC1C2{a}",
    ],
    "states": [
        "[CH2]C{a}", "CN(C)[O]", "C[CH]C{a}", "[NH3+]CC([O-]){a}", "[13CH3]C[18OH]", "C[N+](=O)[O-]", "CC(=O)[O-].[Na+]", "[2H]C([2H]){a}", "[1*]C{a}",
        "[3*]c1ccc({a})cc1", "*C(F){a}", "C[Mg]Br", "[O-][Cl+3]([O-])([O-])[O-]", "c1cc[nH]c1{a}", "[Cu+2]", "C[Hg]C{a}", "O=[N+]([O-])c1ccc({a})cc1",
        "[CH3:1][OH:2]", "CP(C)(C)(C)C", "FS(F)(F)(F)(F)C{a}", "C[Si](C)(C)C{a}", "[B-](F)(F)(F)F", "[SiH3]C{a}",
    ],
}
ENDS = ["O", "N", "F", "Cl", "CC", "C(C)C", "C#N", "OC", "SC", "c1ccccc1", "C(=O)O", "C1CC1", "Br", "CCO", "NC(C)=O", "C(F)(F)F"]


def isomers(smiles, rng):
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        return []
    options = StereoEnumerationOptions(unique=True, onlyUnassigned=True, maxIsomers=8, rand=rng.randrange(1 << 30))
    return [Chem.MolToSmiles(isomer) for isomer in EnumerateStereoisomers(mol, options=options)]


def written(rng):
    """SMILES of every kind, without end."""
    while True:
        for kind, patterns in KINDS.items():
            pattern = rng.choice(patterns)
            while "{a}" in pattern:
                pattern = pattern.replace("{a}", rng.choice(ENDS), 1)
            found = isomers(pattern, rng)
            if found:
                yield kind, rng.choice(found)


def collected(paths, rng):
    """SMILES of files, without end; centres that they leave open are chosen."""
    lines = []
    for path in paths:
        opened = gzip.open if path.endswith(".gz") else open
        with opened(path, "rt", errors="replace") as file:
            lines += [line.split()[0] for line in file if line.strip()]
    while lines:
        smiles = rng.choice(lines)
        mol = Chem.MolFromSmiles(smiles)
        if mol is None or mol.GetNumHeavyAtoms() > 45 or "." in smiles:
            continue
        found = isomers(smiles, rng)
        if found:
            yield "library", rng.choice(found)


def count(smiles):
    """How many stereo marks a SMILES has."""
    return smiles.replace("@@", "@").count("@") + smiles.count("/") + smiles.count("\\")


def shuffled(mol, rng):
    order = list(range(mol.GetNumAtoms()))
    rng.shuffle(order)
    return Chem.RenumberAtoms(mol, order)


def without_centres(mol):
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return Chem.MolFromSmiles(Chem.MolToSmiles(mol))


def record(kind, smiles, form, rng):
    """The molfile of a SMILES in one form, and what it says; None where RDKit makes no such file."""
    mol = Chem.MolFromSmiles(smiles)
    expected = Chem.MolToSmiles(mol)
    if "3D" in form:
        mol = Chem.AddHs(mol)
        parameters = AllChem.ETKDGv3()
        parameters.randomSeed, parameters.maxIterations = rng.randrange(1, 1 << 30), 20
        if AllChem.EmbedMolecule(mol, parameters) != 0:
            return None
        if "H" not in form:
            mol = Chem.RemoveHs(mol)
        mol = shuffled(mol, rng)
        read = Chem.Mol(mol)
        Chem.AssignStereochemistryFrom3D(read)
        if count(Chem.MolToSmiles(Chem.RemoveHs(read))) > count(expected):
            return None  # Stereochemistry that the enumeration does not know was chosen by the embedding.
        block = Chem.MolToMolBlock(mol, forceV3000="V3000" in form)
        if "wedges" not in form:
            block = unmarked(block)
        return block, expected
    if "H" in form:
        mol = Chem.AddHs(mol)
    mol = shuffled(mol, rng)
    AllChem.Compute2DCoords(mol)
    if "wedges" not in form:
        expected = Chem.MolToSmiles(without_centres(Chem.MolFromSmiles(smiles)))
        # Double bonds whose neighbours alone make them one lose their sides with these.
        if expected.count("/") + expected.count("\\") != smiles.count("/") + smiles.count("\\"):
            return None
    block = Chem.MolToMolBlock(mol, forceV3000="V3000" in form)
    if "wedges" not in form:
        block = unmarked(block)
    reread = Chem.MolFromMolBlock(block)
    if reread is None or count(Chem.MolToSmiles(reread)) < count(expected):
        return None  # RDKit's drawing leaves out a wedge, or draws both sides of a double bond alike.
    if "unknown" in form:
        sided = [b for b in mol.GetBonds() if b.GetStereo() in (Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOZ)]
        if not sided:
            return None
        chosen = rng.choice(sided)
        plain = Chem.Mol(mol)
        bond = plain.GetBondWithIdx(chosen.GetIdx())
        bond.SetStereo(Chem.BondStereo.STEREOANY)
        block = Chem.MolToMolBlock(plain, forceV3000="V3000" in form)
        bond.SetStereo(Chem.BondStereo.STEREONONE)
        reread = Chem.MolFromMolBlock(block)
        expected = Chem.MolToSmiles(reread)
    return block, expected


def unmarked(block):
    """The molfile without marks of single bonds."""
    lines = []
    for line in block.split("\n"):
        if line.startswith("M  V30") and "CFG=" in line and line.split()[3] == "1":
            line = " ".join(word for word in line.split(" ") if not word.startswith("CFG="))
        elif len(line) == 12 and line[6:9] == "  1" and not line.startswith("M"):
            line = line[:9] + "  0"
        lines.append(line)
    return "\n".join(lines)


def main():
    out, count, paths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    rng = random.Random(2026)
    sources = [written(rng), collected(paths, rng)] if paths else [written(rng)]
    forms = [
        f"{space} {version} {hydrogens} {marks}".strip().replace("  ", " ")
        for space in ("3D", "2D")
        for version in ("V2000", "V3000")
        for hydrogens in ("H", "")
        for marks in ("wedges", "", "wedges unknown")
        if not (space == "3D" and "unknown" in marks)
    ]
    made = 0
    with open(out, "w") as file:
        while made < count:
            kind, smiles = next(sources[made % len(sources)])
            try:
                got = record(kind, smiles, form := rng.choice(forms), rng)
            except (Chem.rdchem.KekulizeException, Chem.rdchem.AtomValenceException, RuntimeError, ValueError):
                continue
            if got is None:
                continue
            block, expected = got
            name, rest = f"mol_{made}", block.split("\n", 1)[1]
            items = {"EXPECTED": expected, "KIND": kind, "FORM": form}
            file.write(f"{name}\n{rest}")
            file.writelines(f"> <{key}>\n{value}\n\n" for key, value in items.items())
            file.write("$$$$\n")
            made += 1


main()
